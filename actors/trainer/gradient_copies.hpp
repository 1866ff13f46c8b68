#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"
#include "gpu/nn/reduction.hpp"
#include "gpu/nn/state_layout.hpp"

namespace troupe::actors {

/// Brings the sum of a part to host memory bucket by bucket, on a stream of its own: what backward has finished is added and
/// leaves while it computes what comes next. Used by one thread.
class GradientCopies {
 public:
  /// @throws Error exhausted.
  GradientCopies(gpu::Device& device, const gpu::nn::StateLayout& layout);

  /// After the run of a part's last shard was enqueued. Blocks until its backward is done, bucket after bucket.
  /// @param runs       of the plan, with that one
  /// @param additions  which that shard makes possible
  void begin(const gpu::nn::Plan& plan, std::uint64_t runs, gpu::nn::ShardReduction& reduction,
             const gpu::nn::ShardReduction::Additions& additions);
  /// Blocks until all is there. @param gradient, sums  of the layout's sizes
  void finish(std::span<std::byte> gradient, std::span<std::byte> sums);
  gpu::Stream& stream() { return *stream_; }

 private:
  gpu::nn::StateLayout layout_;
  std::unique_ptr<gpu::Stream> stream_;
  std::unique_ptr<gpu::Event> copied_;
  std::shared_ptr<gpu::Storage> staging_;  // the gradient, then the sums
  std::uint64_t copies_ = 0;               // that were enqueued before the last begin()
};

}  // namespace troupe::actors
