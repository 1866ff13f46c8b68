#include "actors/coordinator/coordinator.hpp"

#include <capnp/message.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/coordinator/job_files.hpp"
#include "actors/coordinator/job_run.hpp"
#include "actors/coordinator/reference_link.hpp"
#include "actors/coordinator/retraining.hpp"
#include "actors/coordinator/serving.hpp"
#include "actors/feedback/retrain_rules.hpp"
#include "actors/job/spec_reader.hpp"
#include "actors/report/job_event.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

constexpr Duration retired_for = 30min;  // longer than anybody has for an answer

class Coordinator final : public Actor {
 public:
  Coordinator(Context& context, const Parameters& with, const PromoteVersion& promote,
              const DataFormats& formats)
      : context_{context},
        folder_{with.text("run_folder")},
        cache_{with.text("prepared_folder")},
        fitting_within_{with.duration("fitting_within")},
        new_machine_{with.boolean("new_machine")},
        served_{with.text("serving_folder")},
        promote_{promote},
        retraining_{context, folder_, [this](const RetrainJob& job) { begin(job); }} {
    sections_.data = with.structure("data");
    sections_.preprocess = with.structure("preprocess");
    sections_.model = with.structure("model");
    sections_.train = with.structure("train");
    sections_.evaluate = with.structure("evaluate");
    sections_.seed = static_cast<std::uint64_t>(with.integer("seed"));
    sections_.base = with.text("base");
    sections_.formats = formats;
    if (!with.text("observer").empty()) observer_ = context.ref(with.text("observer"));
    if (!with.text("deployer").empty()) serve_with(with);
    if (const RetrainJob* const job = retraining_.current()) {
      promote_again();
      begin(RetrainJob{*job});
    } else {
      begin_first();
    }
  }

  void handles(Handlers& on) override {
    if (serving_) serving_->handles(on);
    on.tell<wire::Here>([this](const Frame& frame) {
      const JobMember member = read_here(frame);
      members_[member.path] = member;
      if (run_) run_->join(member);
    });
    on.tell<wire::VersionReady>([this](const Frame& frame) {
      std::uint64_t job = 0;
      read_head<wire::VersionReady>(frame,
                                    [&](wire::VersionReady::Reader head) { job = head.getJob(); });
      if (run_) run_->hear_version(job);
    });
    on.tell<wire::JobFailed>([this](const Frame& frame) {
      std::uint64_t job = 0;
      std::string reason;
      read_head<wire::JobFailed>(frame, [&](wire::JobFailed::Reader head) {
        job = head.getJob();
        reason = head.getReason();
      });
      if (run_) run_->hear_failure(job, reason);
    });
    retraining_.handles(on);
  }

  /// Asked to end in mid-training, it saves where the job stands.
  bool stopping() override {
    return !run_ || !run_->save_at_end([this] { context_.end(); });
  }

 private:
  void tell(JobEvent event) {
    if (!observer_) return;
    context_.tell<wire::JobNews>(observer_, make_frame<wire::JobNews>([&](auto head) {
                                   head.setLine(to_json({wall_seconds(), std::move(event)}));
                                 }));
  }

  void serve_with(const Parameters& with) {
    serving_.emplace(context_, with.text("deployer"), with.text("serving_folder"),
                     [this](JobEvent event) { tell(std::move(event)); });
    if (with.text("feedback_actor").empty()) return;
    std::vector<SpecProblem> problems;
    SpecReader section = SpecReader::parse(with.structure("feedback"), problems);
    const FeedbackSpec spec = read_feedback(section);
    throw_if_any(problems, "feedback");
    references_.emplace(context_, with.text("feedback_actor"),
                        static_cast<std::size_t>(spec.groups), with.text("serving_folder"));
    serving_->on_served([this](const std::string& version) { references_->served(version); });
  }

  /// The job of the config, or what is left of it: its result.
  void begin_first() {
    start(options(sections_, folder_),
          {[this](JobEvent event) { tell(std::move(event)); },
           [this](const JobResult& result) {
             if (serving_ && !result.gate_passed)
               tell(Notice{"warning", "nothing new is served: the gate was not passed"});
             tell(JobEnded{result.gate_passed, result.step, result.state_hash,
                           result.gate_passed ? "" : "the gate was not passed: " + result.gate,
                           folder_});
             if (!promote_again() && result.gate_passed) promote(result, 0);
             retraining_.go_on();
           },
           [this](const std::string& reason, std::uint64_t step) {
             tell(JobEnded{false, step, {}, reason, folder_});
           }});
  }

  /// One that follows, on what was said of the versions before it.
  void begin(const RetrainJob& job) {
    const std::uint64_t number = job.number;
    const RetrainJob* const served = retraining_.promoted();
    JobRunOptions with = options(retraining_.sections(sections_, job), retraining_.folder(number));
    if (!write([&] { describe_job(posix_files(), with.folder, with.sections); })) return;
    // What was held back is the same for all jobs of a run, and so are its measurements.
    with.to_beat =
        deciding_metrics(posix_files(), retraining_.folder(served != nullptr ? served->number : 0));
    tell(Notice{"info", "job " + std::to_string(number) + " begins, on " +
                            std::to_string(job.records) + " labelled records more: " + job.reason});
    start(std::move(with),
          {[this](JobEvent event) { tell(std::move(event)); },
           [this, number](const JobResult& result) {
             const bool passed = result.gate_passed;
             if (!write([&] {
                   retraining_.end(
                       number, passed ? RetrainJob::State::promoted : RetrainJob::State::rejected,
                       passed ? "" : result.gate);
                 }))
               return;
             tell(Notice{passed ? "info" : "warning",
                         "job " + std::to_string(number) +
                             (passed ? " gave version " + std::to_string(result.step)
                                     : " gave no better version: " + result.gate)});
             if (passed) promote(result, number);
             retraining_.go_on();
           },
           [this, number](const std::string& reason, std::uint64_t) {
             if (!write([&] { retraining_.end(number, RetrainJob::State::failed, reason); }))
               return;
             tell(Notice{"warning", "job " + std::to_string(number) + " failed: " + reason});
             retraining_.go_on();
           }});
  }

  /// Whether a file could be written. On a full disk a job that follows stays where it is until the node is started
  /// again; what is served is served on.
  bool write(const std::function<void()>& what) {
    try {
      what();
      return true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::exhausted) throw;
      context_.log().error("no job follows until the node is started again",
                           {{"why", one_line(error.what())}});
      tell(Notice{"warning",
                  one_line(error.what()) +
                      ": no job follows until there is room and the node is started again"});
      return false;
    }
  }

  JobRunOptions options(JobSections sections, std::string folder) const {
    JobRunOptions options{std::move(sections), std::move(folder), cache_};
    options.fitting_within = fitting_within_;
    options.new_machine = new_machine_;
    options.served = served_;
    return options;
  }

  void start(JobRunOptions with, JobRun::Listener listener) {
    if (run_) retire();
    run_ = std::make_unique<JobRun>(context_, std::move(with), std::move(listener));
    run_->start();
    for (const auto& [path, member] : members_) run_->join(member);
  }

  /// Answers may still come to what it asked.
  void retire() {
    run_->retire();
    retired_.push_back(std::move(run_));
    context_.after(retired_for, [this] { retired_.pop_front(); });
  }

  /// Has a job's version served. Again for the same job: nothing changes.
  void promote(const JobResult& result, std::uint64_t number) {
    const std::string folder = retraining_.folder(number);
    if (serving_) serving_->serve(folder, folder + " " + result.state_hash);
    if (promote_) promote_(context_, result.checkpoint, number);
  }

  /// The version of the last job that followed, if one was promoted: the coordinator before may have ended there.
  bool promote_again() {
    const RetrainJob* const last = retraining_.promoted();
    if (last == nullptr) return false;
    const JobFiles files{posix_files(), retraining_.folder(last->number)};
    if (files.result()) promote(*files.result(), last->number);
    return true;
  }

  Context& context_;
  const std::string folder_, cache_;
  const Duration fitting_within_;
  const bool new_machine_;
  const std::string served_;
  const PromoteVersion promote_;
  JobSections sections_;
  Ref observer_;
  std::map<std::string, JobMember> members_;
  Retraining retraining_;
  std::optional<Serving> serving_;
  std::optional<ReferenceLink> references_;
  std::unique_ptr<JobRun> run_;  // none where a job could not begin: the disk is full
  std::deque<std::unique_ptr<JobRun>> retired_;
};

ParameterSchema text_parameter(std::string name, std::string help, std::string otherwise) {
  ParameterSchema schema{
      .name = std::move(name), .type = ParameterType::text, .help = std::move(help)};
  schema.default_value = ParameterValue{std::move(otherwise)};
  return schema;
}

}  // namespace

void add_coordinator_type(Registry& registry, const SectionReaders& readers, PromoteVersion promote,
                          DataFormats formats) {
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
  type.parameters.push_back(text_parameter(
      "deployer", "Who serves a version that has passed its gate, a path; empty: nobody.", ""));
  type.parameters.push_back(
      text_parameter("serving_folder", "Where served versions are listed; it must be there.", "."));
  type.parameters.push_back(
      text_parameter("feedback_actor",
                     "Who is told what the data of a served version is like; empty: nobody.", ""));
  ParameterSchema fitting_within{
      "fitting_within", ParameterType::duration,
      "How long another trainer is waited for when all that came compute other bits (JOB-6)."};
  fitting_within.default_value = ParameterValue{Duration{10s}};
  fitting_within.minimum = 0.001;
  type.parameters.push_back(std::move(fitting_within));
  ParameterSchema new_machine{"new_machine", ParameterType::boolean,
                              "Whether a job that was begun elsewhere goes on here, though with "
                              "other bits (--new-machine)."};
  new_machine.default_value = ParameterValue{false};
  type.parameters.push_back(std::move(new_machine));
  type.make = [promote = std::move(promote), formats = std::move(formats)](
                  Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Coordinator>(context, with, promote, formats);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
