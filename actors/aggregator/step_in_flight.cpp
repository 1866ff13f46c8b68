#include "actors/aggregator/step_in_flight.hpp"

#include <capnp/message.h>

#include <cstring>
#include <utility>

#include "gpu/cpu_device.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

using serialization::Frame;
using serialization::MalformedFrame;
using serialization::read_head;

StepInFlight::StepInFlight(std::shared_ptr<const TrainingJob> job, std::span<std::byte> memory,
                           std::shared_ptr<const void> owner, unsigned update_threads)
    : job_{std::move(job)},
      memory_{memory},
      owner_{std::move(owner)},
      device_{gpu::make_cpu_device()},
      sum_{job_, *device_},
      update_{job_, *device_, update_threads} {}

StepInFlight::Result StepInFlight::add(const Frame& frame) {
  Result result;
  if (!look()) return result;
  const std::uint64_t staleness = job_->train().staleness;
  bool now = false;
  read_head<wire::PartialSum>(frame, [&](wire::PartialSum::Reader head) {
    const std::uint64_t step = head.getStep(), version = head.getVersion();
    if (head.getJob() != job_->id() || step < *step_ || step - *step_ > staleness) return;
    if (version > step || step - version > staleness)
      throw MalformedFrame{"partial sum of step " + std::to_string(step) +
                           ": expected it from that version or one older by at most " +
                           std::to_string(staleness) + ", got version " + std::to_string(version)};
    now = step == *step_;
    if (now) return;
    if (head.getFirst() != 0 || head.getCount() != job_->shards())
      throw MalformedFrame{"partial sum of step " + std::to_string(step) +
                           ", which is to come: expected all of its shards"};
    early_.emplace(step, frame);
  });
  if (now) add_to_step(frame, result);
  finish(result);
  return result;
}

StepInFlight::Result StepInFlight::finish() {
  Result result;
  if (look()) finish(result);
  return result;
}

std::vector<Subtree> StepInFlight::missing(std::uint64_t job, std::uint64_t step) {
  if (job != job_->id() || !look() || step != *step_) return {};
  return sum_.missing();
}

/// Whether there is a version to start from. What was added of a step that is past is forgotten.
bool StepInFlight::look() {
  if (!slots_) slots_ = VersionSlots::find(memory_, job_->id());
  if (!slots_) return false;
  const auto newest = slots_->newest();
  if (newest != step_) sum_.clear();
  step_ = newest;
  if (step_) early_.erase(early_.begin(), early_.lower_bound(*step_));
  return step_.has_value();
}

void StepInFlight::add_to_step(const Frame& frame, Result& result) {
  read_head<wire::PartialSum>(frame, [&](wire::PartialSum::Reader head) {
    const Subtree node{head.getFirst(), head.getCount()};
    const auto bytes = head.getDigests();
    if (bytes.size() != node.count * sizeof(ShardDigest))
      throw MalformedFrame{"partial sum: expected a digest for each shard"};
    std::vector<ShardDigest> digests(node.count);
    if (node.count > 0) std::memcpy(digests.data(), bytes.begin(), bytes.size());
    const auto arrival = sum_.add(node, frame.payload(0), frame.payload(1), frame, digests);
    if (arrival == StepSum::Arrival::added) result.ages.push_back(*step_ - head.getVersion());
    // Copies that are computed from several versions may differ.
    if (arrival == StepSum::Arrival::different && job_->train().staleness == 0)
      result.corruption = "step " + std::to_string(*step_) + ", shards " +
                          std::to_string(node.first) + " to " +
                          std::to_string(node.first + node.count - 1);
  });
}

/// Makes versions as long as what they need is here.
void StepInFlight::finish(Result& result) {
  while (step_ && !result.try_again) {
    if (const auto early = early_.extract(*step_)) add_to_step(early.mapped(), result);
    if (!sum_.complete()) break;
    const bool pin = is_checkpoint(job_->train(), job_->samples(), *step_ + 1);
    const VersionUpdate::Outcome outcome = update_.run(*slots_, *step_, sum_, pin);
    result.try_again =
        outcome == VersionUpdate::Outcome::no_slot || outcome == VersionUpdate::Outcome::no_record;
    look();
    if (outcome == VersionUpdate::Outcome::lost) break;
  }
  result.newest = step_;
}

}  // namespace troupe::actors
