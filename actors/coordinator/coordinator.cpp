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
#include "actors/coordinator/version_list.hpp"
#include "actors/feedback/retrain_rules.hpp"
#include "actors/job/spec_reader.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/report/job_event.hpp"
#include "actors/report/job_news.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::read_head;

constexpr Duration retired_for = 30min;  // longer than anybody has for an answer

class Coordinator final : public Actor {
 public:
  Coordinator(Context& context, const Parameters& with, const PromoteVersion& promote,
              const DataFormats& formats)
      : context_{context},
        folder_{with.text("run_folder")},
        cache_{with.text("prepared_folder")},
        policy_{with.text("assign") == "least_loaded" ? SharePolicy::least_loaded
                                                      : SharePolicy::round_robin},
        fitting_within_{with.duration("fitting_within")},
        new_machine_{with.boolean("new_machine")},
        promote_{promote},
        serving_folder_{with.text("serving_folder")},
        retraining_{context, folder_, [this](const RetrainJob& job) { begin(job); },
                    [this] { return served_checkpoint(); },
                    [this](const std::string& why) {
                      tell(Notice{"warning", why});
                    }} {
    sections_ = sections_of(with);
    sections_.base = with.text("base");
    sections_.formats = formats;
    if (!with.text("observer").empty()) observer_ = context.ref(with.text("observer"));
    if (!with.text("deployer").empty()) serve_with(with);
    if (const RetrainJob* const job = retraining_.current()) {
      if (const JobFiles first{posix_files(), folder_}; first.result()) tell_end(*first.result());
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
    on.tell<wire::Pace>([this](const Frame& frame) {
      read_head<wire::Pace>(frame, [this](wire::Pace::Reader head) {
        if (run_)
          run_->hear_pace(head.getPath(), head.getIncarnation(), head.getJob(), head.getShards(),
                          static_cast<double>(head.getNanoseconds()) * 1e-9);
      });
    });
    retraining_.handles(on);
  }

  /// Asked to end in mid-training, it saves where the job stands.
  bool stopping() override {
    return !run_ || !run_->save_at_end([this] { context_.end(); });
  }

 private:
  void tell(JobEvent event) { tell_news(context_, observer_, std::move(event)); }

  void serve_with(const Parameters& with) {
    serving_.emplace(context_, with.text("deployer"), serving_folder_,
                     [this](JobEvent event) { tell(std::move(event)); });
    if (with.text("feedback_actor").empty()) return;
    std::vector<SpecProblem> problems;
    SpecReader section = SpecReader::parse(with.structure("feedback"), problems);
    const FeedbackSpec spec = read_feedback(section);
    throw_if_any(problems, "feedback");
    references_.emplace(context_, with.text("feedback_actor"),
                        static_cast<std::size_t>(spec.groups), serving_folder_);
    serving_->on_served([this](const std::string& version) {
      references_->served(version);
      look_up(version);
    });
  }

  /// What is served now, with which the next job is compared, be it that somebody promoted it or rolled back to it by hand.
  void look_up(const std::string& version) {
    context_.executor({.name = "serving"})
        .run_as(
            "look up what is served",
            [version, folder = serving_folder_] {
              return VersionList{posix_files(), folder}.version(version).checkpoint;
            },
            [this](const std::string& checkpoint) { served_ = checkpoint; },
            [this](const std::exception_ptr& thrown) {
              served_.clear();
              context_.log().warning("it is not known what is served",
                                     {{"why", reason_of(thrown)}});
            });
  }

  /// The job of the config, or what is left of it: its result. Then the data is not asked for, which may be gone.
  void begin_first() {
    if (const JobFiles files{posix_files(), folder_}; files.result()) {
      const JobResult& result = *files.result();
      tell(GateDecided{result.gate.substr(0, result.gate.find("; ")), result.gate_passed,
                       result.gate});
      end_first(result);
      return look_for_data();
    }
    if (is_gone())
      return tell(
          Notice{"warning", folder_ + " is gone: what is served is served on, and no job follows"});
    start(options(sections_, folder_), {[this](JobEvent event) { tell(std::move(event)); },
                                        [this](const JobResult& result) { end_first(result); },
                                        [this](const std::string& reason, std::uint64_t step) {
                                          tell(JobEnded{false, step, {}, reason, folder_});
                                        }});
  }

  void end_first(const JobResult& result) {
    if (serving_ && !result.gate_passed)
      tell(Notice{"warning", "nothing new is served: the gate was not passed"});
    tell_end(result);
    promote_again();
    retraining_.go_on();
  }

  /// The run was removed after a version of its was served.
  bool is_gone() const {
    if (!serving_ || posix_files().kind(folder_) != PathKind::none) return false;
    const std::string done = VersionList{posix_files(), serving_folder_}.done();
    return done.starts_with(folder_ + ' ') || done.starts_with(folder_ + "/jobs/");
  }

  /// What serves needs no data, but a job that follows will.
  void look_for_data() {
    if (!references_) return;
    const auto warn = [this](const std::string& why) {
      if (!why.empty()) tell(Notice{"warning", why + ": a job that follows would fail"});
    };
    context_.executor({.name = "prepare"})
        .run_as(
            "look for the data",
            [sections = sections_] {
              const DataSpec data =
                  parse_data_spec(or_empty(sections.data), sections.base, sections.formats);
              for (const DataFiles* files : {&data.train, data.test ? &*data.test : nullptr}) {
                if (files == nullptr) continue;
                for (const std::string& path : {files->features, files->labels})
                  if (!path.empty() && posix_files().kind(path) == PathKind::none)
                    return "expected the data in " + path + ", found nothing there";
              }
              return std::string{};
            },
            warn, [warn](const std::exception_ptr& thrown) { warn(reason_of(thrown)); });
  }

  /// How the first job ended: whoever follows the run waits for that, of a run that is resumed too.
  void tell_end(const JobResult& result) {
    tell(JobEnded{result.gate_passed, result.step, result.state_hash,
                  result.gate_passed ? "" : "the gate was not passed: " + result.gate, folder_});
  }

  /// One that follows, on what was said of the versions before it.
  void begin(const RetrainJob& job) {
    const std::uint64_t number = job.number;
    JobRunOptions with = options(retraining_.sections(sections_, job), retraining_.folder(number));
    with.served = job.served;
    retraining_.describe(number, job_json(with.sections));
    tell(Notice{"info", "job " + std::to_string(number) + " begins, on " +
                            std::to_string(job.records) + " labelled records more: " + job.reason});
    start(std::move(with),
          {[this](JobEvent event) { tell(std::move(event)); },
           [this, number](const JobResult& result) {
             if (!result.gate_passed)
               return end(number, RetrainJob::State::rejected, "gave no better version",
                          result.gate);
             retraining_.end(number, RetrainJob::State::promoted, {}, [this, number, result] {
               tell(Notice{"info", "job " + std::to_string(number) + " gave version " +
                                       std::to_string(result.step)});
               promote(result, number);
               retraining_.go_on();
             });
           },
           [this, number](const std::string& reason, std::uint64_t) {
             end(number, RetrainJob::State::failed, "failed", reason);
           }});
  }

  /// What was served stays.
  void end(std::uint64_t number, RetrainJob::State state, const std::string& what,
           const std::string& why) {
    retraining_.end(number, state, why, [=, this] {
      tell(Notice{"warning", "job " + std::to_string(number) + ' ' + what + ": " + why});
      retraining_.go_on();
    });
  }

  JobRunOptions options(JobSections sections, std::string folder) const {
    JobRunOptions options{std::move(sections), std::move(folder), cache_};
    options.policy = policy_;
    options.fitting_within = fitting_within_;
    options.new_machine = new_machine_;
    options.serving_folder = serving_folder_;
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

  /// The version of the last job that was promoted, or of the first one: the coordinator before may have ended there.
  void promote_again() {
    if (const auto result = last_promoted()) promote(*result, last_number());
  }
  std::uint64_t last_number() const {
    const RetrainJob* const last = retraining_.promoted();
    return last != nullptr ? last->number : 0;
  }
  std::optional<JobResult> last_promoted() const {
    const JobFiles files{posix_files(), retraining_.folder(last_number())};
    return files.result() && files.result()->gate_passed ? files.result() : std::nullopt;
  }

  std::string served_checkpoint() const {
    if (!served_.empty()) return served_;
    const auto result = last_promoted();
    return result ? result->checkpoint : std::string{};
  }

  Context& context_;
  const std::string folder_, cache_;
  const SharePolicy policy_;
  const Duration fitting_within_;
  const bool new_machine_;
  const PromoteVersion promote_;
  const std::string serving_folder_;
  std::string
      served_;  // the checkpoint of what is served; empty: not known, so that of what a job promoted last
  JobSections sections_;
  Ref observer_;
  std::map<std::string, JobMember> members_;
  Retraining retraining_;
  std::optional<Serving> serving_;
  std::optional<ReferenceLink> references_;
  std::unique_ptr<JobRun> run_;  // none before a job has to run
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
  ParameterSchema assign =
      text_parameter("assign",
                     "How shards are shared out among trainers: equally, or by their speed as "
                     "measured while they compute. It changes "
                     "no bit.",
                     "round_robin");
  assign.choices = {"round_robin", "least_loaded"};
  type.parameters.push_back(std::move(assign));
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
