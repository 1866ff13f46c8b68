#include "actors/trainer/resident_job.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "actors/job/training_job.hpp"
#include "gpu/nn/state_layout.hpp"
#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using namespace gpu;

namespace {

// The steps of a snapshot that is being copied out, and those since.
constexpr std::size_t outcomes = 2 * ResidentJob::most_unsaved;
// Calls of run() whose states the device may not have taken yet, and the one that begins.
constexpr std::size_t runs_ahead = 3;

}  // namespace

ResidentJob::ResidentJob(std::shared_ptr<const TrainingJob> job, Device& device,
                         ShardRunner& runner)
    : job_{std::move(job)},
      device_{device},
      runner_{runner},
      timer_{device, job_->layout().buckets.size()},
      copies_{device.make_stream()},
      computed_{device.make_event()} {
  for (Version& version : versions_)
    version.memory = device.allocate(job_->layout().slot_bytes, "a version of the parameters");
}

ResidentJob::~ResidentJob() {
  for (Stream* const stream : {&runner_.stream(), copies_.get()}) {
    try {
      stream->synchronize();
    } catch (...) {  // the device is gone, and writes nothing
    }
  }
}

void ResidentJob::load(std::uint64_t version, std::span<const std::byte> state) {
  if (state.size() != job_->layout().slot_bytes)
    throw Error{ErrorCode::bug, "trainer: expected a whole version to begin at"};
  runner_.stream().synchronize();  // steps may be under way that are wanted no more
  for (Version& one : versions_) one.held = false;
  // What was recorded holds their memory.
  for (auto& recorded : recorded_) recorded.reset();
  updates_.clear();
  timer_.take();
  updater_ = device_.make_updater(job_->layout(), job_->spec().optimizer);
  queue_ = device_.make_step_queue(runs_ahead * most_at_once * job_->shards(), outcomes);
  newest_ = 0;
  version_ = loaded_ = noted_from_ = version;
  digests_.clear();
  runner_.stream().copy(versions_[newest_].memory->data(), state.data(), state.size());
  runner_.stream().synchronize();
}

void ResidentJob::rehearse() {
  std::vector<std::byte> state(job_->layout().slot_bytes);
  job_->graph().initialise(job_->layout(), job_->spec().seed, state);
  load(0, state);
  std::size_t largest = 0;
  for (std::size_t i = 0; i < job_->graph().inputs().size(); ++i)
    largest = std::max(largest, runner_.input_bytes(i));
  const std::vector<std::byte> nothing(largest);
  ShardInputs inputs{};
  for (std::size_t i = 0; i < job_->graph().inputs().size(); ++i)
    inputs.inputs.push_back(std::span{nothing}.first(runner_.input_bytes(i)));
  step(std::vector<ShardInputs>(job_->shards(), inputs));
  runner_.stream().synchronize();
}

void ResidentJob::make_room_for_batches() {
  if (state_ != nullptr) return;
  std::vector<std::shared_ptr<Storage>> batch;
  std::vector<BatchRing> rings;
  for (std::size_t i = 0; i < job_->graph().inputs().size(); ++i) {
    batch.push_back(
        device_.allocate(runner_.input_bytes(i), "input '" + job_->graph().inputs()[i].name + "'"));
    rings.push_back({batch.back()->data(), runner_.input_bytes(i)});
  }
  batch_ = std::move(batch);
  rings_ = std::move(rings);
  ran_ = device_.make_event();
  state_ =
      device_.allocate(sizeof(StepState), "a step's state");  // last: it says that all is there
}

std::size_t ResidentJob::free_version() const {
  for (std::size_t i = 0; i < versions_.size(); ++i)
    if (i != newest_ && !versions_[i].held) return i;
  throw Error{ErrorCode::bug, "trainer: expected a free version on the device, got none"};
}

void ResidentJob::expect_room(std::size_t steps) const {
  if (version_ - noted_from_ + steps > most_unsaved)
    throw Error{ErrorCode::bug, "trainer: expected a snapshot after " +
                                    std::to_string(most_unsaved) + " steps, got another step"};
}

void ResidentJob::enqueue(std::size_t from, std::size_t to, const ShardRunner::Feed& feed,
                          bool timed) {
  Stream& stream = runner_.stream();
  const std::byte* const state = versions_[from].memory->data();
  const auto [sum, step, none] =
      runner_.enqueue(job_->shards(), state, timed ? timer_.timed(stream, feed) : feed, false,
                      timed ? timer_.stopwatch() : nullptr);
  const UpdateBindings bindings{state, versions_[to].memory->data(), sum.buckets, sum.sums, step};
  if (timed || stream.recording() || !std::exchange(update_loaded_, true)) {
    if (timed) timer_.summed(stream);
    update(bindings);
    if (timed) timer_.updated(stream);
    queue_->note(stream, sum.sums);
  } else {
    auto& recorded = updates_[{bindings.from, bindings.to, bindings.sums, bindings.step}];
    if (!recorded) {
      recorded = device_.record(stream, [this, bindings] {
        update(bindings);
        queue_->note(runner_.stream(), bindings.sums);
      });
    }
    recorded->launch(stream);
  }
}

void ResidentJob::update(const UpdateBindings& bindings) {
  updater_->prepare(runner_.stream(), bindings);
  updater_->update(runner_.stream(), bindings, 0, job_->layout().parameter_elements);
}

void ResidentJob::went_to(std::size_t place) {
  newest_ = place;
  ++version_;
}

void ResidentJob::step(std::span<const ShardInputs> shards) {
  expect_room(1);
  const std::size_t next = free_version();
  enqueue(newest_, next, runner_.from_host(version_, {0, job_->shards()}, shards),
          timer_.begin(job_->shards()));
  runner_.step_was_read();
  for (const ShardInputs& shard : shards) digests_.push_back(shard.digest);
  went_to(next);
}

ShardRunner::Feed ResidentJob::from_data() {
  return [this](std::uint32_t) -> ShardFeed::Run {
    auto* const state = reinterpret_cast<StepState*>(state_->data());
    queue_->pop(runner_.stream(), state);
    data_.rows->gather(runner_.stream(), state, batch_[0]->data(), batch_[1]->data());
    return {rings_, state};
  };
}

void ResidentJob::push_states(std::size_t steps) {
  states_.clear();
  for (std::uint64_t step = version_; step < version_ + steps; ++step) {
    StepState state =
        nn::make_step_state(job_->spec().optimizer, job_->spec().schedule, job_->spec().seed, step);
    state.rows = job_->shard_rows();
    for (std::uint32_t s = 0; s < job_->shards(); ++s) {
      state.position = job_->first_position(step, s);
      states_.push_back(state);
      digests_.push_back(data_.digest({state.position, state.position + job_->shard_rows()}));
    }
  }
  queue_->push(runner_.stream(), states_);
}

void ResidentJob::run(std::size_t steps) {
  expect_room(steps);
  if (!has_data() || steps > most_at_once || version_ + steps > job_->steps())
    throw Error{ErrorCode::bug, "trainer: expected steps of the job, of data on the device"};
  if (runs_ >= runs_ahead - 1) ran_->wait(runs_ - (runs_ahead - 2));
  push_states(steps);
  Stream& stream = runner_.stream();
  for (std::size_t i = 0; i < steps; ++i) {
    const std::size_t from = newest_, to = free_version();
    const auto enqueue_one = [this, from, to] { enqueue(from, to, from_data()); };
    // Kernels are loaded when they are first used, which cannot be recorded.
    if (!std::exchange(kernels_loaded_, true)) {
      enqueue_one();
    } else if (timer_.begin(job_->shards())) {
      enqueue(from, to, from_data(), true);
    } else {
      auto& recorded = recorded_[from * versions + to];
      if (!recorded) recorded = device_.record(stream, enqueue_one);
      recorded->launch(stream);
    }
    went_to(to);
  }
  stream.record(*ran_);
  ++runs_;
}

void ResidentJob::check() {
  runner_.stream().synchronize();
  if (const std::string name = updater_->not_finite(); !name.empty()) {
    throw Error{ErrorCode::bad_input, "step " + std::to_string(version_ - 1) +
                                          ": expected finite values, got others in " + name};
  }
}

ResidentJob::Snapshot ResidentJob::snapshot() {
  if (std::ranges::any_of(versions_, [](const Version& version) { return version.held.load(); }))
    throw Error{ErrorCode::bug, "trainer: expected one snapshot at a time"};
  runner_.stream().record(*computed_);
  timer_.want();
  versions_[newest_].held = true;
  const std::uint64_t first = std::exchange(noted_from_, version_);
  return {first, version_, std::exchange(digests_, {}), newest_, ++marks_, first - loaded_};
}

std::optional<std::vector<ResidentJob::Outcome>> ResidentJob::copy_out(const Snapshot& snapshot,
                                                                       std::span<std::byte> to) {
  copies_->wait(*computed_, snapshot.mark);
  copies_->copy(to.data(), versions_[snapshot.place].memory->data(), to.size());
  copies_->synchronize();
  if (!updater_->stayed_finite()) return {};
  std::vector<Outcome> result(snapshot.version - snapshot.first);
  queue_->read(*copies_, snapshot.first_outcome, result);
  return result;
}

void ResidentJob::release(const Snapshot& snapshot) {
  versions_[snapshot.place].held = false;
}

}  // namespace troupe::actors
