#include "actors/trainer/step_times.hpp"

#include <utility>
#include <vector>

namespace troupe::actors {

StepTimer::StepTimer(gpu::Device& device, std::size_t buckets)
    : stopwatch_{device.make_stopwatch()}, passed_{device.make_event()}, buckets_{buckets} {}

bool StepTimer::begin(std::uint32_t shards) {
  if (!wanted_ || measured_.load(std::memory_order_acquire)) return false;
  wanted_ = false;
  shards_ = shards;
  return true;
}

ShardRunner::Feed StepTimer::timed(gpu::Stream& stream, const ShardRunner::Feed& feed) {
  return [this, &stream, feed](std::uint32_t shard) {
    stopwatch_->mark(stream);
    const ShardFeed::Run run = feed(shard);
    stopwatch_->mark(stream);
    return run;
  };
}

void StepTimer::finish(gpu::Stream& stream, double StepTimes::*phase) {
  stopwatch_->mark(stream);
  stream.record(*passed_);
  ++measurements_;
  last_ = phase;
  measured_.store(true, std::memory_order_release);
}

std::optional<StepTimes> StepTimer::take() {
  if (!measured_.load(std::memory_order_acquire)) return {};
  if (passed_->reached() < measurements_) return {};
  std::optional<StepTimes> times = times_of(stopwatch_->lap());
  measured_.store(false, std::memory_order_release);  // what begin() writes was read
  return times;
}

std::optional<StepTimes> StepTimer::times_of(std::span<const double> laps) const {
  // Of a shard: its batch, then up to its sums, then to each bucket; then, behind all of backward, what is added.
  const std::size_t per_shard = 3 + buckets_;
  if (laps.size() != shards_ * per_shard + 1) return {};
  StepTimes times;
  for (std::size_t shard = 0; shard < shards_; ++shard) {
    const double* const lap = laps.data() + shard * per_shard;
    times.batch += lap[0];
    times.forward += lap[1];
    for (std::size_t i = 0; i < buckets_; ++i) times.backward += lap[2 + i];
    times.sum += lap[2 + buckets_];
  }
  times.*last_ = laps.back();
  return times;
}

}  // namespace troupe::actors
