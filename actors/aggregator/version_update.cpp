#include "actors/aggregator/version_update.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using namespace gpu;

VersionUpdate::VersionUpdate(std::shared_ptr<const TrainingJob> job, Device& device)
    : job_{std::move(job)},
      stream_{device.make_stream()},
      updater_{device.make_updater(job_->layout(), job_->spec().optimizer)} {}

VersionUpdate::Outcome VersionUpdate::run(VersionSlots slots, std::uint64_t step,
                                          const StepSum& sum, bool pin) {
  if (const auto newest = slots.newest(); newest && *newest > step) return Outcome::committed;
  const auto from = slots.hold(step);
  if (!from) return Outcome::lost;
  std::optional<VersionSlots::Writing> to = slots.begin_write();
  if (!to) return Outcome::no_slot;
  const StepState state =
      nn::make_step_state(job_->spec().optimizer, job_->spec().schedule, job_->spec().seed, step);
  const std::vector<const std::byte*> buckets = sum.buckets();
  const UpdateBindings bindings{from->state().data(), to->state().data(), buckets, sum.sums(),
                                &state};
  updater_->prepare(*stream_, bindings);
  updater_->update(*stream_, bindings, 0, job_->layout().parameter_elements);
  stream_->synchronize();
  if (const std::string name = updater_->not_finite(); !name.empty()) {
    throw Error{ErrorCode::bad_input,
                "step " + std::to_string(step) + ": expected finite values, got others in " + name};
  }
  if (!slots.record({step, sum.mean_loss(), sum.rows()}, sum.digests())) return Outcome::no_record;
  return slots.commit(*std::move(to), step + 1, pin) ? Outcome::committed : Outcome::lost;
}

}  // namespace troupe::actors
