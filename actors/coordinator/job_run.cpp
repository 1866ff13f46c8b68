#include "actors/coordinator/job_run.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>

#include "actors/checkpointer/save_version.hpp"
#include "actors/coordinator/micro_batches.hpp"
#include "actors/evaluator/early_stopping.hpp"
#include "actors/evaluator/gate.hpp"
#include "actors/evaluator/metrics.hpp"
#include "actors/job/ends_job.hpp"
#include "actors/loader/loader_messages.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;

namespace {

constexpr Duration open_within = 5min;
constexpr Duration try_again_after = 50ms;
constexpr Duration members_within = 5s;  // else it is said that nobody has come

}  // namespace

JobRun::JobRun(Context& context, JobRunOptions options, Listener listener)
    : context_{context},
      options_{std::move(options)},
      listener_{std::move(listener)},
      files_{posix_files(), options_.folder} {}

JobRun::~JobRun() = default;

std::string JobRun::checkpoint(std::uint64_t step) const {
  return checkpoints() + '/' + serialization::checkpoint_name(step);
}

void JobRun::join(const JobMember& member) {
  members_[member.path] = member;
  if (member.role == "loader" && preparation_) preparation_->join(member.path);
  if (job_) admit(member);
}

void JobRun::hear_version(std::uint64_t job) {
  if (training_) training_->hear_version(job);
}

void JobRun::hear_failure(std::uint64_t job, const std::string& reason) {
  if (training_) training_->hear_failure(job, reason);
}

void JobRun::hear_pace(const std::string& path, std::uint64_t incarnation, std::uint64_t job,
                       std::uint64_t shards, double seconds) {
  if (training_) training_->hear_pace(path, incarnation, job, shards, seconds);
}

bool JobRun::save_at_end(std::function<void()> then) {
  if (!training_ || ended_ || training_->finished() || !training_->version().value_or(0))
    return false;
  std::vector<VersionSlots::Held> unsaved = training_->hold_unsaved();
  if (unsaved.empty()) return false;
  const std::uint64_t newest = unsaved.back().version();
  context_.executor({.name = "save"})
      .run_as(
          "save at the end",
          [job = job_->job, unsaved = std::move(unsaved), memory = context_.memory(options_.memory),
           folder = checkpoints(), record = training_->record()] {
            for (const VersionSlots::Held& held : unsaved)
              save_version(posix_files(), *job, held, folder, record);
          },
          [this, newest, then = std::move(then)] {
            listener_.tell(Checkpointed{newest, checkpoint(newest)});
            then();
          });
  return true;
}

void JobRun::retire() {
  ended_ = true;
  retired_ = true;
  if (training_) training_->retire();
}

void JobRun::begin_stage(Stage stage, std::uint64_t total, std::string what) {
  stage_began_[stage] = context_.now();
  listener_.tell(StageBegan{stage, total, std::move(what)});
}
void JobRun::end_stage(Stage stage, std::string summary) {
  const double seconds =
      std::chrono::duration<double>(context_.now() - stage_began_[stage]).count();
  listener_.tell(StageEnded{stage, seconds, std::move(summary)});
}

void JobRun::start() {
  begin_stage(Stage::prepare, 0, {});
  preparation_.emplace(
      context_, options_.sections, options_.cache,
      [this](std::size_t done, std::size_t tasks) {
        listener_.tell(StageProgress{Stage::prepare, done, tasks});
      },
      [this](PreparedJob job) {
        job_ = std::move(job);
        end_stage(Stage::prepare, job_->report);
        note_data();
      },
      [this](const std::exception_ptr& thrown) { fail_if_final(thrown); });
  preparation_->start();
  context_.after(members_within, [this] { look_for_members(); });
}

/// A job waits for those that it needs for as long as it takes; people should know for whom.
void JobRun::look_for_members() {
  if (ended_) return;
  for (const char* role : {"loader", "trainer", "aggregator", "checkpointer"}) {
    if (std::ranges::any_of(members_, [&](const auto& m) { return m.second.role == role; }))
      continue;
    notify("the job waits: nobody has joined as its " + std::string{role});
  }
}

void JobRun::notify(const std::string& text) {
  context_.log().warning(text);
  listener_.tell(Notice{"warning", text});
}

void JobRun::fail_if_final(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    if (!ends_job(error.code())) throw;
    fail(one_line(error.what()));
  }
}

void JobRun::write(std::string label, std::function<void()> what, std::function<void()> then) {
  context_.executor({.name = "files"})
      .run_as(
          std::move(label), std::move(what),
          [this, then = std::move(then)] {
            if (!ended_) then();
          },
          [this](const std::exception_ptr& thrown) { fail_if_final(thrown); });
}

void JobRun::fail(const std::string& reason) {
  if (std::exchange(ended_, true)) return;
  if (training_) training_->stop();
  context_.log().debug("the job failed", {{"why", reason}});  // the listener tells it
  listener_.on_failed(reason, training_ ? training_->version().value_or(0) : 0);
}

/// Where the audit finds the data.
void JobRun::note_data() {
  const auto shards = std::make_shared<std::optional<std::uint32_t>>();
  write(
      "note where the data is",
      [path = options_.folder + "/prepared", pointer = job_->data_folder + '\n', shards,
       job = job_->job, machine = machine_file()] {
        write_atomically(posix_files(), path, std::as_bytes(std::span{pointer}));
        if (job->train().more_shards)
          *shards = settled_shards(read_machine(posix_files(), machine), job->train());
      },
      [this, shards] {
        try {
          if (*shards) job_ = with_shards(*job_, **shards);
        } catch (const Error& error) {
          return fail(one_line(error.what()));
        }
        train();
      });
}

/// No machine has been found, and this one has no memory for a shard.
void JobRun::hear_exhausted(const std::string& why) {
  if (ended_ || std::exchange(settling_, true)) return;
  // Whoever says so is a part of what goes.
  context_.after(Duration::zero(), [this, why] {
    settling_ = false;
    if (ended_) return;
    try {
      job_ = with_more_shards(*job_, why);
    } catch (const Error& error) {
      return fail(one_line(error.what()));
    }
    const std::string text = why + ": " + std::to_string(job_->job->shards()) + " shards are tried";
    context_.log().info(text);
    listener_.tell(Notice{"info", text});
    training_->retire();
    train();
  });
}

void JobRun::train() {
  if (const auto& result = files_.result()) return end(*result);
  evaluation_.emplace(
      context_, job_->data_folder, or_empty(options_.sections.evaluate), job_->evaluate.parts,
      [this](const EvaluationOrder& order, const Metrics& metrics) { measured(order, metrics); },
      [this](const EvaluationOrder& order, const std::string& reason) {
        not_measured(order, reason);
      });
  TrainingOptions options;
  options.job = job_->job;
  options.memory = options_.memory;
  options.ledger = options_.folder + "/ledger";
  options.machine = machine_file();
  options.serving_folder = options_.serving_folder;
  options.new_machine = options_.new_machine;
  options.checkpoints = checkpoints();
  options.record = job_->record;
  options.policy = options_.policy;
  options.probe = job_->probe;
  options.fitting_within = options_.fitting_within;
  Training::Listener listener;
  listener.on_steps = [this](std::span<const StepRecord> steps) {
    if (const auto done = step_news_.add(*job_->job, steps, context_.now())) listener_.tell(*done);
  };
  listener.on_saved = [this](std::uint64_t version, const std::string& folder, const std::string&) {
    saved(version, folder);
  };
  listener.on_failed = [this](const std::string& reason) { fail(reason); };
  listener.on_started = [this] { find_saved(); };
  listener.needed = [this] { return needed(); };
  if (job_->job->train().more_shards)
    listener.on_exhausted = [this](const std::string& why) { hear_exhausted(why); };
  listener.on_notice = [this](const std::string& text) { listener_.tell(Notice{"warning", text}); };
  training_.emplace(context_, std::move(options), std::move(listener));
  begin_stage(Stage::train, job_->job->steps(), {});
  for (const std::string& mode : exempt_modes(job_->job->train())) notify(mode);
  training_->start();
  for (const auto& [path, member] : members_) admit(member);
}

void JobRun::admit(const JobMember& member) {
  if (!training_) return;
  if (member.role == "evaluator") {
    evaluation_->join(member.path);
  } else if (member.role == "loader") {
    open_data(member);
  } else {
    training_->join(member);
  }
}

/// A loader that was started knows nothing of the data; one that ended is asked no more.
void JobRun::open_data(const JobMember& member) {
  const auto current = [this, member] {
    if (retired_) return false;
    const auto at = members_.find(member.path);
    return at != members_.end() && at->second.incarnation == member.incarnation;
  };
  context_.ask<wire::OpenData>(
      context_.ref(member.path), make_frame<wire::OpenData>([&](auto head) {
        head.setFolder(job_->data_folder);
        head.setPreprocess(or_empty(options_.sections.preprocess));
        head.setSeed(options_.sections.seed);
      }),
      open_within, [this, member, current](const Answer& answer) {
        if (!current()) return;
        if (answer.ok()) {
          loaders_[member.path] = read_opened_data(answer.frame()).plain;
          share_loaders();
        } else if (answer.failure().kind == FailureKind::refused ||
                   answer.failure().kind == FailureKind::timeout) {
          context_.log().warning("a loader did not open the data",
                                 {{"loader", member.path}, {"why", answer.failure().text}});
          context_.after(try_again_after, [this, member, current] {
            if (current()) open_data(member);
          });
        }
      });
}

void JobRun::share_loaders() {
  std::vector<std::string> paths;
  bool plain = true;
  for (const auto& [path, is_plain] : loaders_) {
    paths.push_back(path);
    plain = plain && is_plain;
  }
  training_->set_loaders(std::move(paths), plain ? job_->data_folder : std::string{});
}

/// Checkpoints that are there already, from before this coordinator's time. The job comes again by those ahead of where it
/// stands.
void JobRun::find_saved() {
  context_.executor({.name = "save"})
      .run_as(
          "look for checkpoints",
          [folder = checkpoints()] {
            std::vector<std::string> names;
            if (posix_files().kind(folder) == PathKind::folder) names = posix_files().list(folder);
            return names;
          },
          [this, stands = training_->version().value_or(0)](const std::vector<std::string>& names) {
            for (std::uint64_t step = 1; step <= stands; ++step) {
              if (!is_checkpoint(job_->job->train(), job_->job->samples(), step)) continue;
              if (std::ranges::binary_search(names, serialization::checkpoint_name(step)))
                want_evaluation(step);
            }
            looked_ = true;
            look_for_end();
          });
}

void JobRun::saved(std::uint64_t version, const std::string& folder) {
  listener_.tell(Checkpointed{version, folder});
  want_evaluation(version);
  look_for_end();
}

void JobRun::want_evaluation(std::uint64_t version) {
  if (ended_ || job_->validation == 0 || files_.find(version, "validation") != nullptr) return;
  if (!is_evaluated(job_->job->train(), job_->job->samples(), version)) return;
  if (wanted_.emplace(version, "validation").second)
    evaluation_->add({version, checkpoint(version), "validation"});
}

void JobRun::measured(const EvaluationOrder& order, const Metrics& metrics) {
  if (order.checkpoint == options_.served) {
    served_has_ = metrics.values;
    return look_for_end();
  }
  std::vector<std::pair<std::string, double>> shown;
  for (const std::string& name : job_->evaluate.metrics)
    shown.emplace_back(name, metrics.value(name));
  ++noting_;
  write("note what was measured", files_.add({order.step, order.split, metrics.values}),
        [this, order, shown = std::move(shown)] {
          --noting_;
          listener_.tell(Evaluated{order.split, order.step, shown});
          look_for_end();
        });
}

void JobRun::not_measured(const EvaluationOrder& order, const std::string& reason) {
  if (order.checkpoint != options_.served)
    return fail("a version could not be evaluated: " + reason);
  context_.log().warning("what is served cannot be compared with",
                         {{"checkpoint", order.checkpoint}, {"why", reason}});
  served_has_.emplace();
  look_for_end();
}

/// Whether it is known what the served version reaches on a split; if not, it is measured.
bool JobRun::know_served(const std::string& split) {
  if (options_.served.empty()) served_has_.emplace();
  if (!served_has_ && wanted_.emplace(0, "served").second)
    evaluation_->add({0, options_.served, split});
  return served_has_.has_value();
}

JobRun::Course JobRun::course() const {
  Course course;
  std::vector<Measurement> values;
  // What was measured ahead of where the job stands counts when it comes by again.
  const std::uint64_t stands = training_->version().value_or(0);
  for (std::uint64_t step = 1; step <= job_->job->steps(); ++step) {
    if (!is_evaluated(job_->job->train(), job_->job->samples(), step)) continue;
    const MeasuredVersion* const version = files_.find(step, "validation");
    if (version == nullptr || step > stands) return course;
    course.step = step;
    if (!job_->evaluate.early_stopping) continue;
    for (const auto& [name, value] : version->metrics)
      if (name == job_->evaluate.early_stopping->metric) values.push_back({step, value});
    course.decision = decide(*job_->evaluate.early_stopping, values);
    if (course.decision.stop) return course;
  }
  course.complete = true;
  return course;
}

/// The version that the job gives, once that is decided (JOB-7): by what was measured at each step where it had to be,
/// in order, and nothing behind a step that is missing.
std::optional<std::uint64_t> JobRun::chosen() const {
  const std::uint64_t steps = job_->job->steps();
  if (job_->validation > 0) {
    const auto [decision, step, complete] = course();
    if (decision.stop) return decision.best_step.value_or(step);
    if (!complete) return {};
    if (job_->evaluate.early_stopping) return decision.best_step.value_or(steps);
  }
  return training_->finished() ? std::optional{steps} : std::nullopt;
}

/// Versions that are not measured yet, and the one that early stopping may go back to. The newest is kept anyway.
std::optional<std::vector<std::uint64_t>> JobRun::needed() const {
  if (!looked_) return {};
  std::vector<std::uint64_t> steps;
  if (job_->validation == 0) return steps;
  const Course now = course();
  if (now.decision.best_step) steps.push_back(*now.decision.best_step);
  if (now.decision.stop) steps.push_back(now.step);
  for (std::uint64_t step = now.step + 1; step <= training_->version().value_or(0); ++step) {
    if (is_evaluated(job_->job->train(), job_->job->samples(), step) &&
        files_.find(step, "validation") == nullptr)
      steps.push_back(step);
  }
  return steps;
}

void JobRun::look_for_end() {
  if (ended_ || !looked_ || noting_ > 0) return;
  const auto version = chosen();
  if (!version) return;
  if (!training_stopped_) {
    training_stopped_ = true;
    training_->stop();
    end_stage(Stage::train,
              "version " + std::to_string(*version) + " of " + std::to_string(job_->job->steps()));
  }
  const std::string split = job_->test > 0 ? "test" : "validation";
  if (job_->test == 0 && job_->validation == 0) return decide_gate(*version, {});
  const MeasuredVersion* const final = files_.find(*version, split);
  if (final != nullptr) {
    if (know_served(split)) decide_gate(*version, final->metrics);
    return;
  }
  if (wanted_.emplace(*version, split).second)
    evaluation_->add({*version, checkpoint(*version), split});
}

void JobRun::decide_gate(std::uint64_t version,
                         const std::vector<std::pair<std::string, double>>& values) {
  if (deciding_) return;
  deciding_ = true;
  Metrics metrics;
  metrics.values = values;
  const Gate& gate = job_->evaluate.gate;
  std::vector<std::string> why;
  if (values.empty() && !gate.conditions.empty()) {
    why.emplace_back("nothing was measured: there are no records to validate or to test with");
  } else {
    why = failures(gate, metrics);
  }
  std::string text = to_string(gate);
  if (served_has_ && !served_has_->empty()) {
    std::vector<std::string> names;
    for (const Gate::Condition& condition : gate.conditions) names.push_back(condition.metric);
    for (std::string& line : worse_than(*served_has_, values, names))
      why.push_back(std::move(line));
    text += (text.empty() ? "" : " and ") + std::string{"not worse than what is served"};
  }
  if (!why.empty()) text.clear();  // each line says which part of it did not hold
  for (const std::string& line : why) text += (text.empty() ? "" : "; ") + line;
  context_.executor({.name = "save"})
      .run_as(
          "verify the version",
          [folder = checkpoint(version)] {
            return serialization::to_hex(
                serialization::read_checkpoint(posix_files(), folder).manifest.state_hash);
          },
          [this, version, passed = why.empty(), text](const std::string& hash) {
            write("note the result",
                  files_.set_result({version, checkpoint(version), hash, passed, text}),
                  [this] { end(*files_.result()); });
          },
          [this](const std::exception_ptr& thrown) { fail_if_final(thrown); });
}

void JobRun::end(const JobResult& result) {
  if (std::exchange(ended_, true)) return;
  listener_.tell(GateDecided{to_string(job_->evaluate.gate), result.gate_passed,
                             result.gate_passed ? "" : result.gate});
  listener_.on_end(result);
}

}  // namespace troupe::actors
