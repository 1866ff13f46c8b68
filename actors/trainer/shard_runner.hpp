#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/trainer/gradient_copies.hpp"
#include "actors/trainer/shard_feed.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"
#include "gpu/nn/reduction.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

class StepTimer;

/// The inputs of one shard: a block an input of the graph, 64-byte aligned, in host memory.
struct ShardInputs {
  std::vector<std::span<const std::byte>> inputs;
  ShardDigest digest;
};

/// Computes shards of a job: a plan with its buffers. Made and used on one thread (JOB-6).
class ShardRunner {
 public:
  /// @throws Error as TrainingJob's plan does.
  ShardRunner(std::shared_ptr<const TrainingJob> job, gpu::Device& device);

  /// The sum over the shards of a node of the canonical tree: one execution of the plan a shard, in order, added by the
  /// tree (JOB-2, JOB-5). A wire::PartialSum.
  /// @param shards  the inputs of each, in order
  /// @param version, state  what it is computed from, in the layout's order: that of the step, or one that is older by
  ///                        as much as the job allows
  /// @param timer  measures it, if it wants to; then it can be taken from
  serialization::Frame sum(std::uint64_t step, Subtree node, std::span<const ShardInputs> shards,
                           std::uint64_t version, std::span<const std::byte> state,
                           StepTimer* timer = nullptr);

  /// Brings what the i-th shard of a node reads to the device, in stream().
  using Feed = std::function<ShardFeed::Run(std::uint32_t i)>;
  /// What lies on the device once stream() has passed, until the next call.
  struct Enqueued {
    gpu::nn::ShardReduction::Buffers sum;
    const gpu::StepState* step = nullptr;  ///< of the last shard
    /// With `leaving`: what is still to be added when the last shard's buckets are complete.
    gpu::nn::ShardReduction::Additions additions = {};
  };
  /// Enqueues the sum over so many shards, which are a node of the canonical tree. Nothing is waited for, except by `feed`.
  /// @param version  where the device finds it
  /// @param leaving  the last shard's additions are left to the caller
  /// @param stopwatch  marked when a shard's sums, and when each of its buckets is complete
  Enqueued enqueue(std::uint32_t shards, const std::byte* version, const Feed& feed,
                   bool leaving = false, gpu::Stopwatch* stopwatch = nullptr);
  /// A feed of inputs that lie in host memory. step_was_read() follows when all that reads the last shard's StepState was
  /// enqueued. It throws Error bad_input for inputs of other sizes.
  Feed from_host(std::uint64_t step, Subtree node, std::span<const ShardInputs> shards);
  void step_was_read() { feed_.enqueued(*stream_); }
  gpu::Stream& stream() { return *stream_; }
  /// Of one shard, in the layers' products.
  double flops() const;
  /// Of the i-th input of the graph.
  std::size_t input_bytes(std::size_t i) const { return plan_.input_bytes(i); }

 private:
  gpu::nn::ShardReduction& reduction_for(std::uint32_t shards);
  ShardFeed::Run bring(const gpu::StepState& step, const ShardInputs& inputs);

  std::shared_ptr<const TrainingJob> job_;
  gpu::Device& device_;
  gpu::nn::Plan plan_;
  std::unique_ptr<gpu::Stream> stream_;
  std::uint64_t runs_ = 0;  // of the plan, which its events have been reached by
  ShardFeed feed_;
  std::unique_ptr<GradientCopies> copies_;  // of a device with memory of its own
  std::map<std::uint32_t, std::unique_ptr<gpu::nn::ShardReduction>>
      reductions_;  // by their number of shards
};

}  // namespace troupe::actors
