#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "actors/trainer/shard_runner.hpp"
#include "gpu/device.hpp"

namespace troupe::actors {

/// How long the device took for the phases of one step, in seconds.
struct StepTimes {
  double batch = 0.0;    ///< bringing or making its inputs
  double forward = 0.0;  ///< with the loss
  double backward = 0.0;
  double sum = 0.0;  ///< over its shards
  double update = 0.0;
  double whole() const { return batch + forward + backward + sum + update; }
};

/// Measures a step now and then. Used by the thread that enqueues; take() by another, after the step has been passed.
class StepTimer {
 public:
  /// @param buckets  of the layout
  StepTimer(gpu::Device& device, std::uint32_t shards, std::size_t buckets);

  /// The next step is to be measured, unless one is that nobody has taken yet.
  void want() { wanted_ = true; }
  /// Whether the step that is enqueued now is measured: then the calls below follow, once each, in order.
  bool begin();
  gpu::Stopwatch* stopwatch() { return stopwatch_.get(); }
  /// The same feed, between marks.
  ShardRunner::Feed timed(gpu::Stream& stream, const ShardRunner::Feed& feed);
  void summed(gpu::Stream& stream) { stopwatch_->mark(stream); }
  void updated(gpu::Stream& stream);

  /// What was measured; none: nothing new.
  std::optional<StepTimes> take();

 private:
  std::unique_ptr<gpu::Stopwatch> stopwatch_;
  std::uint32_t shards_;
  std::size_t buckets_;
  bool wanted_ = true;
  std::atomic<bool> measured_ = false;
};

}  // namespace troupe::actors
