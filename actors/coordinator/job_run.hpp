#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/coordinator/data_preparation.hpp"
#include "actors/coordinator/evaluation.hpp"
#include "actors/coordinator/job_files.hpp"
#include "actors/coordinator/prepared_job.hpp"
#include "actors/coordinator/step_news.hpp"
#include "actors/coordinator/training.hpp"
#include "actors/evaluator/early_stopping.hpp"
#include "actors/job/membership.hpp"
#include "actors/report/job_event.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

struct JobRunOptions {
  JobSections sections;
  std::string folder;  ///< of this job's files; it must be there
  std::string cache;   ///< where prepared data is kept
  std::string memory = "versions";
  SharePolicy policy = SharePolicy::round_robin;
  std::string serving_folder = {};  ///< with the list of served versions; empty: none is
  bool new_machine = false;         ///< it goes on here, though with other bits
  Duration fitting_within = std::chrono::seconds{10};  ///< as TrainingOptions says
  /// The checkpoint of what is served, which is measured on the split that decides: the job's version must not be worse.
  /// Empty: nothing is served.
  std::string served = {};
};

/// A member of the coordinator that brings one job from its data to its result: data prepared, model trained, versions
/// evaluated, the best of them chosen, the gate decided. It decides at fixed step numbers, from named versions (JOB-7).
/// What it must not forget lies in its folder and in the node's shared memory.
class JobRun {
 public:
  struct Listener {
    std::function<void(JobEvent)> tell;
    /// The result is durable. Told once, perhaps again by the next coordinator.
    std::function<void(const JobResult&)> on_end;
    /// It has no result, and will have none. Told once, instead of on_end.
    std::function<void(const std::string& reason, std::uint64_t step)> on_failed;
  };

  JobRun(runtime::Context& context, JobRunOptions options, Listener listener);
  ~JobRun();
  JobRun(const JobRun&) = delete;
  JobRun& operator=(const JobRun&) = delete;

  /// Members that were there before are told of by join() behind it.
  void start();
  void join(const JobMember& member);
  void hear_version(std::uint64_t job);
  void hear_failure(std::uint64_t job, const std::string& reason);
  /// What a trainer tells of its speed.
  void hear_pace(const std::string& path, std::uint64_t incarnation, std::uint64_t job,
                 std::uint64_t shards, double seconds);
  /// Saves where training stands and calls `then`; false, without a call: there is nothing to save.
  bool save_at_end(std::function<void()> then);
  /// Another job takes the memory: from now on it does nothing. It must live as long as answers may come.
  void retire();

  /// None before the data is prepared.
  const std::optional<PreparedJob>& job() const { return job_; }

 private:
  std::string checkpoints() const { return options_.folder + "/checkpoints"; }
  std::string checkpoint(std::uint64_t step) const;
  void begin_stage(Stage stage, std::uint64_t total, std::string what);
  void end_stage(Stage stage, std::string summary);
  /// Ends the job with what was thrown, if that stays so (ends_job). @throws it else.
  void fail_if_final(const std::exception_ptr& thrown);
  /// Writes a file on an executor, in the order of calls; then goes on with `then`, unless the job has ended meanwhile.
  void write(std::string label, std::function<void()> what, std::function<void()> then);
  void fail(const std::string& reason);
  /// What people should know: in the log, and to the listener.
  void notify(const std::string& text);
  void note_data();
  void look_for_members();
  void train();
  void hear_exhausted(const std::string& why);
  std::string machine_file() const { return options_.folder + "/machine.json"; }
  void admit(const JobMember& member);
  void open_data(const JobMember& member);
  void share_loaders();
  void find_saved();
  void saved(std::uint64_t version, const std::string& folder);
  void want_evaluation(std::uint64_t version);
  void measured(const EvaluationOrder& order, const Metrics& metrics);
  void not_measured(const EvaluationOrder& order, const std::string& reason);
  bool know_served(const std::string& split);
  /// What early stopping says by what was measured, in order, up to a version that is not measured yet.
  struct Course {
    StoppingDecision decision;
    std::uint64_t step = 0;  ///< of the last one that counted
    bool complete = false;   ///< all were measured
  };
  Course course() const;
  std::optional<std::uint64_t> chosen() const;
  std::optional<std::vector<std::uint64_t>> needed() const;
  void look_for_end();
  void decide_gate(std::uint64_t version,
                   const std::vector<std::pair<std::string, double>>& values);
  void end(const JobResult& result);

  runtime::Context& context_;
  const JobRunOptions options_;
  Listener listener_;
  JobFiles files_;
  std::map<std::string, JobMember> members_;
  std::map<std::string, bool>
      loaders_;  ///< that have the data, by path; whether its batches are plain
  std::optional<DataPreparation> preparation_;
  std::optional<PreparedJob> job_;
  bool settling_ = false;  // on a number of shards
  std::optional<Training> training_;
  std::optional<Evaluation> evaluation_;
  std::set<std::pair<std::uint64_t, std::string>> wanted_;  // evaluations that were asked for
  /// What the served version has reached; no metrics: that cannot be measured.
  std::optional<std::vector<std::pair<std::string, double>>> served_has_;
  std::map<Stage, TimePoint> stage_began_;
  StepNews step_news_;
  unsigned noting_ = 0;  // measurements that are not on the disk yet, and nothing is decided by
  bool looked_ = false, training_stopped_ = false, deciding_ = false, ended_ = false;
  bool retired_ = false;
};

}  // namespace troupe::actors
