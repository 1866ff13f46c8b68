#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "actors/trainer/shard_runner.hpp"
#include "gpu/device.hpp"

namespace troupe::actors {

/// How long the device took for the phases of a trainer's shards of one step, in seconds.
struct StepTimes {
  double batch = 0.0;    ///< bringing or making its inputs
  double forward = 0.0;  ///< with the loss
  double backward = 0.0;
  double sum = 0.0;  ///< over its shards
  double leave =
      0.0;  ///< what backward did not hide of the gradients' way to the host: none where the job is one GPU's
  double update = 0.0;  ///< none where it is the aggregator's
  double whole() const { return batch + forward + backward + sum + leave + update; }
};

/// Measures a step now and then. Used by the thread that enqueues; take() by another.
class StepTimer {
 public:
  /// @param buckets  of the layout
  StepTimer(gpu::Device& device, std::size_t buckets);

  /// The next step is to be measured, unless one is that nobody has taken yet.
  void want() { wanted_ = true; }
  /// Whether the step that is enqueued now is measured: then the calls below follow, once each, in order.
  /// @param shards  of it
  bool begin(std::uint32_t shards);
  gpu::Stopwatch* stopwatch() { return stopwatch_.get(); }
  /// The same feed, between marks.
  ShardRunner::Feed timed(gpu::Stream& stream, const ShardRunner::Feed& feed);
  void summed(gpu::Stream& stream) { stopwatch_->mark(stream); }
  /// What comes last: the update, or the gradients have left.
  void updated(gpu::Stream& stream) { finish(stream, &StepTimes::update); }
  void left(gpu::Stream& stream) { finish(stream, &StepTimes::leave); }

  /// What was measured; none: nothing new, or the device is not there yet.
  std::optional<StepTimes> take();

 private:
  void finish(gpu::Stream& stream, double StepTimes::*phase);
  std::optional<StepTimes> times_of(std::span<const double> laps) const;

  std::unique_ptr<gpu::Stopwatch> stopwatch_;
  std::unique_ptr<gpu::Event> passed_;  // the last mark
  std::uint64_t measurements_ = 0;
  std::size_t buckets_;
  std::uint32_t shards_ = 0;
  double StepTimes::*last_ = nullptr;  // the phase that ends with the last mark
  bool wanted_ = true;
  std::atomic<bool> measured_ = false;
};

}  // namespace troupe::actors
