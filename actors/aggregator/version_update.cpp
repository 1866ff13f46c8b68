#include "actors/aggregator/version_update.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using namespace gpu;

namespace {

/// Fewer elements take less time than a thread takes to wake up: some 100 us.
constexpr std::size_t least_elements_a_thread = std::size_t{1} << 18U;

unsigned members(const TrainingJob& job, unsigned threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t worth = job.layout().parameter_elements / least_elements_a_thread;
  return static_cast<unsigned>(std::clamp<std::size_t>(worth, 1, threads));
}

}  // namespace

VersionUpdate::VersionUpdate(std::shared_ptr<const TrainingJob> job, Device& device,
                             unsigned threads)
    : job_{std::move(job)},
      updater_{device.make_updater(job_->layout(), job_->spec().optimizer)},
      team_{members(*job_, threads)} {
  for (unsigned member = 0; member < team_.members(); ++member)
    streams_.push_back(device.make_stream());
}

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
  updater_->prepare(*streams_[0], bindings);
  streams_[0]->synchronize();
  const std::size_t elements = job_->layout().parameter_elements;
  constexpr std::size_t granule = 16;
  const std::size_t granules = (elements + granule - 1) / granule;
  const auto update = [&](unsigned member) {
    const auto border = [&](std::size_t part) {
      return std::min(elements, granules * part / team_.members() * granule);
    };
    if (border(member) < border(member + 1))
      updater_->update(*streams_[member], bindings, border(member), border(member + 1));
    streams_[member]->synchronize();
  };
  team_.run(std::ref(update));
  if (const std::string name = updater_->not_finite(); !name.empty()) {
    throw Error{ErrorCode::bad_input,
                "step " + std::to_string(step) + ": expected finite values, got others in " + name};
  }
  if (!slots.record({step, sum.mean_loss(), sum.rows()}, sum.digests())) return Outcome::no_record;
  return slots.commit(*std::move(to), step + 1, pin) ? Outcome::committed : Outcome::lost;
}

}  // namespace troupe::actors
