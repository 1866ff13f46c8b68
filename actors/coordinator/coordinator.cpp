#include "actors/coordinator/coordinator.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/checkpointer/save_version.hpp"
#include "actors/coordinator/data_preparation.hpp"
#include "actors/coordinator/evaluation.hpp"
#include "actors/coordinator/job_files.hpp"
#include "actors/coordinator/prepared_job.hpp"
#include "actors/coordinator/training.hpp"
#include "actors/evaluator/early_stopping.hpp"
#include "actors/evaluator/gate.hpp"
#include "actors/report/job_event.hpp"
#include "gpu/nn/schedule.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

constexpr Duration open_within = 5min;
constexpr Duration try_again_after = 50ms;
constexpr Duration news_every = 100ms;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string one_line(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;)
    text.replace(at, 1, "; ");
  return text;
}

class Coordinator final : public Actor {
 public:
  Coordinator(Context& context, const Parameters& with)
      : context_{context},
        folder_{with.text("run_folder")},
        cache_{with.text("prepared_folder")},
        files_{posix_files(), folder_} {
    sections_.data = with.structure("data");
    sections_.preprocess = with.structure("preprocess");
    sections_.model = with.structure("model");
    sections_.train = with.structure("train");
    sections_.evaluate = with.structure("evaluate");
    sections_.seed = static_cast<std::uint64_t>(with.integer("seed"));
    sections_.base = with.text("base");
    if (!with.text("observer").empty()) observer_ = context.ref(with.text("observer"));
    prepare();
  }

  void handles(Handlers& on) override {
    on.tell<wire::Here>([this](const Frame& frame) {
      Here here;
      read_head<wire::Here>(frame, [&](wire::Here::Reader head) {
        here = {head.getRole(), head.getPath(), head.getIncarnation()};
      });
      members_[here.path] = here;
      if (here.role == "loader") preparation_->join(here.path);
      if (job_) join(here);
    });
    on.tell<wire::VersionReady>([this](const Frame& frame) {
      std::uint64_t job = 0;
      read_head<wire::VersionReady>(frame,
                                    [&](wire::VersionReady::Reader head) { job = head.getJob(); });
      if (training_) training_->hear_version(job);
    });
    on.tell<wire::JobFailed>([this](const Frame& frame) {
      std::uint64_t job = 0;
      std::string reason;
      read_head<wire::JobFailed>(frame, [&](wire::JobFailed::Reader head) {
        job = head.getJob();
        reason = head.getReason();
      });
      if (training_) training_->hear_failure(job, reason);
    });
  }

  /// Asked to end in mid-training, it saves where the job stands.
  bool stopping() override {
    if (!training_ || ended_ || training_->finished() || !training_->version().value_or(0))
      return true;
    std::vector<VersionSlots::Held> unsaved = training_->hold_unsaved();
    if (unsaved.empty()) return true;
    context_.executor({.name = "save"})
        .run_as(
            "save at the end",
            [job = job_->job, unsaved = std::move(unsaved), memory = context_.memory(memory_name),
             folder = checkpoints(), record = training_->record()] {
              for (const VersionSlots::Held& held : unsaved)
                save_version(posix_files(), *job, held, folder, record);
            },
            [this] { context_.end(); });
    return false;
  }

 private:
  struct Here {
    std::string role, path;
    std::uint64_t incarnation = 0;
  };
  static constexpr const char* memory_name = "versions";

  std::string checkpoints() const { return folder_ + "/checkpoints"; }
  std::string checkpoint(std::uint64_t step) const {
    return checkpoints() + '/' + serialization::checkpoint_name(step);
  }

  void tell(JobEvent event) {
    if (!observer_) return;
    context_.tell<wire::JobNews>(observer_, make_frame<wire::JobNews>([&](auto head) {
                                   head.setLine(to_json({seconds_now(), std::move(event)}));
                                 }));
  }

  void begin_stage(Stage stage, std::uint64_t total, std::string what) {
    stage_began_[stage] = context_.now();
    tell(StageBegan{stage, total, std::move(what)});
  }
  void end_stage(Stage stage, std::string summary) {
    const double seconds =
        std::chrono::duration<double>(context_.now() - stage_began_[stage]).count();
    tell(StageEnded{stage, seconds, std::move(summary)});
  }

  void prepare() {
    begin_stage(Stage::prepare, 0, {});
    preparation_.emplace(
        context_, sections_, cache_,
        [this](std::size_t done, std::size_t tasks) {
          tell(StageProgress{Stage::prepare, done, tasks});
        },
        [this](PreparedJob job) {
          job_ = std::move(job);
          end_stage(Stage::prepare, job_->report);
          train();
        },
        [this](const std::exception_ptr& thrown) { fail_if_input(thrown); });
    preparation_->start();
  }

  /// What is wrong with what was given stays wrong, however often it is tried.
  void fail_if_input(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::bad_input && error.code() != ErrorCode::unsupported) throw;
      fail(one_line(error.what()));
    }
  }

  void fail(const std::string& reason) {
    if (std::exchange(ended_, true)) return;
    context_.log().error("the job failed", {{"why", reason}});
    tell(JobEnded{false, training_ ? training_->version().value_or(0) : 0, {}, reason, folder_});
  }

  void train() {
    const std::string pointer = job_->data_folder + '\n';
    write_atomically(posix_files(), folder_ + "/prepared", std::as_bytes(std::span{pointer}));
    evaluation_.emplace(
        context_, job_->data_folder, sections_.evaluate == "null" ? "{}" : sections_.evaluate,
        job_->evaluate.parts,
        [this](const EvaluationOrder& order, const Metrics& metrics) { measured(order, metrics); },
        [this](const std::string& reason) { fail("a version could not be evaluated: " + reason); });
    TrainingOptions options;
    options.job = job_->job;
    options.memory = memory_name;
    options.ledger = folder_ + "/ledger";
    options.checkpoints = checkpoints();
    options.record = job_->record;
    training_.emplace(context_, std::move(options),
                      Training::Listener{[this](const StepRecord& step) { hear_step(step); },
                                         [this](std::uint64_t version, const std::string& folder,
                                                const std::string&) { saved(version, folder); },
                                         [this](const std::string& reason) { fail(reason); },
                                         [this] { look_for_end(); }});
    begin_stage(Stage::train, job_->job->steps(), {});
    training_->start();
    for (const auto& [path, member] : members_) join(member);
    find_saved();
  }

  void join(const Here& here) {
    if (here.role == "evaluator") {
      evaluation_->join(here.path);
    } else if (here.role == "loader") {
      open_data(here);
    } else {
      training_->join(here.role, here.path, here.incarnation);
    }
  }

  /// A loader that was started knows nothing of the data; one that ended is asked no more.
  void open_data(const Here& here) {
    const auto current = [this, here] {
      const auto at = members_.find(here.path);
      return at != members_.end() && at->second.incarnation == here.incarnation;
    };
    context_.ask<wire::OpenData>(
        context_.ref(here.path), make_frame<wire::OpenData>([&](auto head) {
          head.setFolder(job_->data_folder);
          head.setPreprocess(sections_.preprocess == "null" ? "{}" : sections_.preprocess);
          head.setSeed(sections_.seed);
        }),
        open_within, [this, here, current](const Answer& answer) {
          if (!current()) return;
          if (answer.ok()) {
            loaders_.insert(here.path);
            training_->set_loaders({loaders_.begin(), loaders_.end()});
          } else if (answer.failure().kind == FailureKind::refused ||
                     answer.failure().kind == FailureKind::timeout) {
            context_.log().warning("a loader did not open the data",
                                   {{"loader", here.path}, {"why", answer.failure().text}});
            context_.after(try_again_after, [this, here, current] {
              if (current()) open_data(here);
            });
          }
        });
  }

  void hear_step(const StepRecord& step) {
    ++steps_since_news_;
    const TimePoint now = context_.now();
    const bool last = step.step + 1 == job_->job->steps();
    if (!last && now - news_at_ < news_every) return;
    const double seconds = std::chrono::duration<double>(now - news_at_).count();
    const auto batch = static_cast<std::uint64_t>(job_->job->spec().batch);
    StepsDone done;
    done.step = step.step + 1;
    done.steps = job_->job->steps();
    done.epoch = step.step * batch / job_->job->samples();
    done.epochs = (done.steps * batch + job_->job->samples() - 1) / job_->job->samples();
    done.loss = step.loss;
    done.learning_rate = gpu::nn::learning_rate(job_->job->spec().schedule, step.step);
    if (news_at_ != TimePoint{} && seconds > 0)
      done.samples_per_second = static_cast<double>(steps_since_news_ * batch) / seconds;
    news_at_ = now;
    steps_since_news_ = 0;
    tell(done);
  }

  /// Checkpoints that are there already, from before this coordinator's time.
  void find_saved() {
    context_.executor({.name = "save"})
        .run_as(
            "look for checkpoints",
            [folder = checkpoints()] {
              std::vector<std::string> names;
              if (posix_files().kind(folder) == PathKind::folder)
                names = posix_files().list(folder);
              return names;
            },
            [this](const std::vector<std::string>& names) {
              for (std::uint64_t step = 1; step <= job_->job->steps(); ++step) {
                if (!is_checkpoint(job_->job->train(), job_->job->samples(), step)) continue;
                if (std::ranges::binary_search(names, serialization::checkpoint_name(step)))
                  want_evaluation(step);
              }
              looked_ = true;
              look_for_end();
            });
  }

  void saved(std::uint64_t version, const std::string& folder) {
    tell(Checkpointed{version, folder});
    want_evaluation(version);
    look_for_end();
  }

  void want_evaluation(std::uint64_t version) {
    if (ended_ || job_->validation == 0 || files_.find(version, "validation") != nullptr) return;
    if (!is_evaluated(job_->job->train(), job_->job->samples(), version)) return;
    if (wanted_.emplace(version, "validation").second)
      evaluation_->add({version, checkpoint(version), "validation"});
  }

  void measured(const EvaluationOrder& order, const Metrics& metrics) {
    files_.add({order.step, order.split, metrics.values});
    std::vector<std::pair<std::string, double>> shown;
    for (const std::string& name : job_->evaluate.metrics)
      shown.emplace_back(name, metrics.value(name));
    tell(Evaluated{order.split, order.step, std::move(shown)});
    look_for_end();
  }

  /// The version that the job gives, once that is decided (JOB-7): by what was measured at each step where it had to be,
  /// in order, and nothing behind a step that is missing.
  std::optional<std::uint64_t> chosen() {
    const std::uint64_t steps = job_->job->steps();
    if (job_->validation > 0) {
      std::vector<Measurement> values;
      for (std::uint64_t step = 1; step <= steps; ++step) {
        if (!is_evaluated(job_->job->train(), job_->job->samples(), step)) continue;
        const MeasuredVersion* const version = files_.find(step, "validation");
        if (version == nullptr) return {};
        if (!job_->evaluate.early_stopping) continue;
        for (const auto& [name, value] : version->metrics)
          if (name == job_->evaluate.early_stopping->metric) values.push_back({step, value});
        const StoppingDecision decision = decide(*job_->evaluate.early_stopping, values);
        if (decision.stop) return decision.best_step.value_or(step);
      }
      if (job_->evaluate.early_stopping)
        return decide(*job_->evaluate.early_stopping, values).best_step.value_or(steps);
    }
    return training_->finished() ? std::optional{steps} : std::nullopt;
  }

  void look_for_end() {
    if (ended_ || !looked_) return;
    if (const auto& result = files_.result()) return end(*result);
    const auto version = chosen();
    if (!version) return;
    if (!training_stopped_) {
      training_stopped_ = true;
      training_->stop();
      end_stage(Stage::train, "version " + std::to_string(*version) + " of " +
                                  std::to_string(job_->job->steps()));
    }
    const std::string split = job_->test > 0 ? "test" : "validation";
    if (job_->test == 0 && job_->validation == 0) return decide_gate(*version, {});
    const MeasuredVersion* const final = files_.find(*version, split);
    if (final != nullptr) return decide_gate(*version, final->metrics);
    if (wanted_.emplace(*version, split).second)
      evaluation_->add({*version, checkpoint(*version), split});
  }

  void decide_gate(std::uint64_t version,
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
    for (const std::string& line : why) text += "; " + line;
    context_.executor({.name = "save"})
        .run_as(
            "verify the version",
            [folder = checkpoint(version)] {
              return serialization::to_hex(
                  serialization::read_checkpoint(posix_files(), folder).manifest.state_hash);
            },
            [this, version, passed = why.empty(), text](const std::string& hash) {
              files_.set_result({version, checkpoint(version), hash, passed, text});
              end(*files_.result());
            });
  }

  void end(const JobResult& result) {
    ended_ = true;
    tell(GateDecided{to_string(job_->evaluate.gate), result.gate_passed, result.gate});
    tell(JobEnded{result.gate_passed, result.step, result.state_hash,
                  result.gate_passed ? "" : "the gate was not passed: " + result.gate, folder_});
  }

  Context& context_;
  const std::string folder_, cache_;
  JobFiles files_;
  JobSections sections_;
  Ref observer_;
  std::map<std::string, Here> members_;
  std::set<std::string> loaders_;  // that have the data
  std::optional<DataPreparation> preparation_;
  std::optional<PreparedJob> job_;
  std::optional<Training> training_;
  std::optional<Evaluation> evaluation_;
  std::set<std::pair<std::uint64_t, std::string>> wanted_;  // evaluations that were asked for
  std::map<Stage, TimePoint> stage_began_;
  TimePoint news_at_{};
  std::uint64_t steps_since_news_ = 0;
  bool looked_ = false, training_stopped_ = false, deciding_ = false, ended_ = false;
};

ParameterSchema text_parameter(std::string name, std::string help, std::string otherwise) {
  ParameterSchema schema{
      .name = std::move(name), .type = ParameterType::text, .help = std::move(help)};
  schema.default_value = ParameterValue{std::move(otherwise)};
  return schema;
}

}  // namespace

void add_coordinator_type(Registry& registry, const SectionReaders& readers) {
  ActorType type;
  type.name = "coordinator";
  type.help = "Leads a job from its data to a version that may be deployed.";
  type.origin = "built-in";
  type.parameters = section_parameters(readers);
  type.parameters.push_back(
      text_parameter("run_folder", "Where the run keeps its files; it must be there.", "."));
  type.parameters.push_back(
      text_parameter("prepared_folder", "Where prepared data is kept.", "prepared"));
  type.parameters.push_back(
      text_parameter("base", "The folder that the data's relative files are relative to.", "."));
  type.parameters.push_back(
      text_parameter("observer", "An actor that is told of the job's events; empty: nobody.", ""));
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Coordinator>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
