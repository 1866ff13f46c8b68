#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "actors/coordinator/prepared_job.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/handlers.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// A job that follows the first one of a run, on what was said of served versions.
struct RetrainJob {
  enum class State : std::uint8_t {
    wanted,    ///< its snapshot is still to be written
    frozen,    ///< the snapshot is there: it is being trained, or is about to be
    promoted,  ///< its version was chosen and is served, or is about to be
    rejected,  ///< its version did not pass
    failed     ///< it has no version
  };
  std::uint64_t number = 0;  ///< from 1
  std::string model;
  std::int64_t rowid = 0;  ///< of the feedback that it trains on
  std::string reason;
  std::string feedback;  ///< the path of the actor that has it
  State state = State::wanted;
  std::int64_t records = 0;  ///< in the snapshot
  std::string sha256;        ///< of the snapshot
  std::string served =
      {};           ///< the checkpoint of what was served when it was frozen; empty: nothing
  std::string why;  ///< if rejected or failed

  bool operator==(const RetrainJob&) const = default;
};

/// The jobs of a run behind the first, as RUN/retraining.json has them. Of more than `most` the oldest are forgotten, but for
/// the last one that was promoted.
class RetrainJobs {
 public:
  static constexpr std::size_t most = 100;

  /// @throws Error corrupted, naming the file, if it says something else.
  static RetrainJobs read(FileSystem& files, const std::string& run_folder);
  /// What is to be written there.
  std::string json() const;

  const std::vector<RetrainJob>& jobs() const { return jobs_; }
  /// What is known of that feedback, or of more, is not wanted again. @param replace  the number of a job that is only
  /// wanted, and of which this one has more; 0: none
  void want(RetrainJob job, std::uint64_t replace);
  void set(const RetrainJob& job);
  /// The one that is frozen, the first that is wanted, the last that was promoted; null: there is none.
  const RetrainJob* frozen() const;
  const RetrainJob* wanted() const;
  const RetrainJob* promoted() const;

 private:
  void forget_oldest();

  std::vector<RetrainJob> jobs_;
  std::uint64_t last_number_ = 0;
};

/// A member of the coordinator that hears when it is time to train again, and has the feedback frozen for it.
///
/// - LOOP-1: a wish is on the disk before it is answered; the same (model, rowid) again is answered, and leads to nothing.
/// - LOOP-2: a job's records are the feedback up to its rowid, and no later ones (JOB-7): a file in its folder.
/// - LOOP-3: which job is current, and how others ended, is in RUN/retraining.json: any coordinator goes on from there.
class Retraining {
 public:
  using OnFrozen = std::function<void(const RetrainJob&)>;

  /// @param on_frozen  a job can begin; told only after go_on()
  /// @param served  the checkpoint of what is served now, with which the job's version is compared
  /// @param on_stuck  the disk is full, or the run folder gone; told once: a job that follows stays where it is until the node is started again, while what
  ///                  is served is served on
  Retraining(runtime::Context& context, std::string run_folder, OnFrozen on_frozen,
             std::function<std::string()> served,
             std::function<void(const std::string& why)> on_stuck);

  /// Adds wire::RetrainWanted.
  void handles(runtime::Handlers& on);

  /// The job that is to be trained now, null if it is the first one of the run.
  const RetrainJob* current() const { return jobs_.frozen(); }
  const RetrainJob* promoted() const { return jobs_.promoted(); }
  /// No job runs any more: the next one that is wanted may begin.
  void go_on();
  /// Writes what a job is made of beside its other files, soon.
  void describe(std::uint64_t number, std::string job_json);
  /// How a job that was frozen ended. `then` is called when that is on the disk.
  void end(std::uint64_t number, RetrainJob::State state, const std::string& why,
           std::function<void()> then);

  /// RUN/jobs/NUMBER; the run folder itself for 0.
  std::string folder(std::uint64_t number) const;
  /// The sections of the first job with the snapshot as more records to train on.
  JobSections sections(JobSections first, const RetrainJob& job) const;

 private:
  void hear(const runtime::Frame& frame, runtime::Reply reply);
  void write(std::string label, std::function<void()> what, std::function<void()> then);
  void keep(std::function<void()> then);
  void freeze();
  void ask_for_snapshot(const RetrainJob& wanted);
  void fail(RetrainJob job, const std::string& why);
  void again(const std::string& why, bool refused);

  runtime::Context& context_;
  const std::string run_folder_;
  OnFrozen on_frozen_;
  std::function<std::string()> served_;
  std::function<void(const std::string&)> on_stuck_;
  RetrainJobs jobs_;
  bool idle_ = false;           // no job runs
  bool stuck_ = false;          // on_stuck was told
  std::uint64_t freezing_ = 0;  // the job whose snapshot was asked for
  unsigned refusals_ = 0;       // of it
};

/// What a job is made of, for FOLDER/job.json: {"job": {"data": …, …}}, as the first job of a run has it.
std::string job_json(const JobSections& sections);

}  // namespace troupe::actors
