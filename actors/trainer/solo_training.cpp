#include "actors/trainer/solo_training.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "actors/trainer/device_data.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;

namespace {

constexpr Duration snapshot_every = 1s;
constexpr Duration try_again_after = 20ms;
constexpr Duration shortest_call = 20ms, longest_call = 100ms;

}  // namespace

SoloTraining::SoloTraining(Context& context, SoloOptions options, ShardBatches& batches,
                           TrainerMetrics& metrics, Listener listener)
    : context_{context},
      options_{std::move(options)},
      job_{options_.worker->job()},
      batches_{batches},
      metrics_{metrics},
      listener_{std::move(listener)} {}

template <class What, class Then>
void SoloTraining::work(const std::string& label, What what, Then then) {
  busy_ = true;
  context_.executor({.name = "shards"})
      .run_as(
          label,
          [worker = options_.worker, memory = options_.memory, what = std::move(what)]() mutable {
            return what(*worker);
          },
          [self = shared_from_this(), then = std::move(then)](auto result) mutable {
            self->busy_ = false;
            if (self->ended_) return;
            then(std::move(result));
            self->advance();
          },
          [self = shared_from_this()](const std::exception_ptr& thrown) {
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              // Numbers that are not finite are so wherever the job is computed; all else is this process's.
              if (error.code() != ErrorCode::bad_input) throw;
              if (std::exchange(self->ended_, true)) return;
              self->listener_.on_failed(one_line(error.what()));
            }
          });
}

void SoloTraining::advance() {
  if (ended_ || busy_) return;
  if (!begun_) return begin();
  if (wants_snapshot() && !saving_) return take_snapshot();
  if (leaving_) {
    if (saving_ || saved_ != version_) return;
    ended_ = true;
    return listener_.on_left();
  }
  if (may_step()) compute();
}

void SoloTraining::leave() {
  leaving_ = true;
  advance();
}

namespace {

/// Or says why batches are the loaders' to make.
void bring_data(ShardWorker& worker, const std::string& data, std::string& why_not) {
  ResidentJob& resident = *worker.resident();
  try {
    resident.make_room_for_batches();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::exhausted) throw;
    why_not = error.what();
    return;
  }
  if (auto there =
          put_on_device(posix_files(), data, *worker.job(), *worker.device().device, why_not))
    resident.set_data(*std::move(there));
}

}  // namespace

SoloTraining::Begun SoloTraining::begin_on(ShardWorker& worker, VersionSlots slots,
                                           const std::string& data) {
  const auto held = slots.hold_newest();
  if (!held) return {};
  ResidentJob& resident = *worker.resident();
  resident.load(held->version(), held->state());
  Begun begun{held->version()};
  if (!data.empty() && !resident.has_data()) bring_data(worker, data, begun.why_not);
  begun.has_data = resident.has_data();
  begun.peak = worker.peak();
  return begun;
}

void SoloTraining::begin() {
  work(
      "begin on the device",
      [slots = options_.slots, data = options_.data](ShardWorker& worker) {
        return begin_on(worker, slots, data);
      },
      [this](const Begun& begun) {
        if (!begun.version) return pause();
        if (!begun.why_not.empty())
          context_.log().info("batches come from the loaders", {{"why", begun.why_not}});
        begun_ = true;
        if (std::exchange(replays_, false)) careful_until_ = std::max(careful_until_, version_);
        has_data_ = begun.has_data;
        peak_ = begun.peak;
        version_ = snapshot_ = saved_ = *begun.version;
        snapshot_at_ = context_.now();
      });
}

void SoloTraining::pause() {
  busy_ = true;
  context_.after(try_again_after, [self = shared_from_this()] {
    self->busy_ = false;
    self->advance();
  });
}

bool SoloTraining::wants_snapshot() const {
  if (version_ == snapshot_) return false;
  return leaving_ || version_ == job_->steps() ||
         version_ - snapshot_ >= ResidentJob::most_unsaved ||
         is_checkpoint(job_->train(), job_->samples(), version_) ||
         context_.now() - snapshot_at_ >= snapshot_every;
}

/// No step is enqueued behind a version that has still to be copied out, unless that is only for the second's sake.
bool SoloTraining::may_step() const {
  if (version_ >= job_->steps()) return false;
  if (version_ == snapshot_) return true;
  return version_ - snapshot_ < ResidentJob::most_unsaved &&
         !is_checkpoint(job_->train(), job_->samples(), version_);
}

void SoloTraining::take_snapshot() {
  work(
      "take a snapshot",
      [](ShardWorker& worker) {
        const auto& resident = worker.resident();
        return std::make_shared<const Taken>(Taken{resident, resident->snapshot()});
      },
      [this](std::shared_ptr<const Taken> taken) {
        snapshot_ = taken->snapshot.version;
        snapshot_at_ = context_.now();
        saving_ = true;
        save(std::move(taken));
      });
}

void SoloTraining::save(std::shared_ptr<const Taken> taken) {
  const std::uint64_t version = taken->snapshot.version;
  const bool pin = is_checkpoint(job_->train(), job_->samples(), version);
  // The worker too, whose device the version lies on.
  context_.executor({.name = "snapshots"})
      .run_as(
          "save version " + std::to_string(version),
          [worker = options_.worker, memory = options_.memory, slots = options_.slots, taken, pin] {
            const SnapshotOutcome outcome =
                save_snapshot(*taken->resident, taken->snapshot, slots, pin);
            return Saved{outcome, taken->resident->times(), worker->device().device->use()};
          },
          [self = shared_from_this(), taken](const Saved& result) {
            if (!self->ended_) self->saved(taken, result);
          });
}

void SoloTraining::saved(const std::shared_ptr<const Taken>& taken, const Saved& result) {
  if (result.times) metrics_.set(*result.times, taken->resident->flops(), peak_);
  if (result.use) metrics_.set(*result.use);
  if (result.outcome == SnapshotOutcome::not_finite) return replay();
  if (result.outcome != SnapshotOutcome::committed) {
    context_.after(try_again_after, [self = shared_from_this(), taken] {
      if (!self->ended_) self->save(taken);
    });
    return;
  }
  taken->resident->release(taken->snapshot);
  saving_ = false;
  saved_ = taken->snapshot.version;
  if (saved_ >= careful_until_) careful_until_ = 0;
  listener_.on_version(saved_);
  advance();
}

/// From the newest version that is finite, which is in the node's slots.
void SoloTraining::replay() {
  context_.log().warning("something was not finite: the last steps are computed again",
                         {{"from", saved_}, {"to", version_}});
  saving_ = false;
  replays_ = true;
  begun_ = false;
  advance();
}

std::size_t SoloTraining::possible_steps() const {
  const std::size_t most = careful_until_ > 0 ? 1 : at_once_;
  const std::uint64_t border =
      std::min(job_->steps(), snapshot_ + std::uint64_t{ResidentJob::most_unsaved});
  std::size_t steps = 0;
  while (steps < most && version_ + steps < border) {
    ++steps;
    if (is_checkpoint(job_->train(), job_->samples(), version_ + steps)) break;
  }
  return steps;
}

void SoloTraining::compute() {
  has_data_ ? compute_from_device() : compute_from_loaders();
}

void SoloTraining::compute_from_device() {
  work(
      "steps from " + std::to_string(version_),
      [steps = possible_steps(), careful = careful_until_ > 0](ShardWorker& worker) {
        const auto began = std::chrono::steady_clock::now();
        worker.resident()->run(steps);
        if (careful) worker.resident()->check();
        return Computed{worker.resident()->version(), steps,
                        std::chrono::steady_clock::now() - began};
      },
      [this](const Computed& result) { computed(result); });
}

/// The device is up to two calls behind, so that a call takes as long as its steps.
void SoloTraining::computed(const Computed& result) {
  version_ = result.version;
  if (result.took > longest_call) {
    at_once_ = std::max<std::size_t>(1, at_once_ / 2);
  } else if (result.took < shortest_call && result.steps == at_once_) {
    at_once_ = std::min(2 * at_once_, ResidentJob::most_at_once);
  }
}

std::vector<ShardBatches::Inputs> SoloTraining::ready_steps() {
  std::vector<ShardBatches::Inputs> steps;
  for (const std::size_t most = possible_steps(); steps.size() < most;) {
    const StepPart part{version_ + steps.size(), {0, job_->shards()}};
    if (!batches_.ready(part)) break;
    steps.push_back(batches_.inputs(part));
  }
  return steps;
}

void SoloTraining::compute_from_loaders() {
  batches_.forget_before(version_);
  const std::uint64_t wanted = std::min(job_->steps(), version_ + options_.prefetch + 1);
  for (std::uint64_t step = version_; step < wanted; ++step)
    batches_.want({step, {0, job_->shards()}});
  std::vector<ShardBatches::Inputs> steps = ready_steps();
  if (steps.empty()) return;
  work(
      "steps from " + std::to_string(version_),
      [steps = std::move(steps), careful = careful_until_ > 0](ShardWorker& worker) {
        const auto began = std::chrono::steady_clock::now();
        for (const ShardBatches::Inputs& inputs : steps) {
          worker.resident()->step(inputs.shards);
          if (careful) worker.resident()->check();
        }
        return Computed{worker.resident()->version(), steps.size(),
                        std::chrono::steady_clock::now() - began};
      },
      [this](const Computed& result) { computed(result); });
}

}  // namespace troupe::actors
