#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/coordinator/leases.hpp"
#include "actors/coordinator/ledger_lock.hpp"
#include "actors/coordinator/step_collector.hpp"
#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/handlers.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/frame.hpp"
#include "serialization/manifest.hpp"

namespace troupe::runtime {
class SharedMemory;
}

namespace troupe::actors {

struct TrainingOptions {
  std::shared_ptr<const TrainingJob> job;
  std::string memory = "versions";       ///< that the node shares
  std::string ledger;                    ///< its file
  std::string machine;                   ///< machine.json: with what the job goes on
  bool new_machine = false;              ///< it goes on here, though with other bits
  std::string checkpoints;               ///< their folder
  std::string serving_folder;            ///< with the list of served versions; empty: none is
  serialization::TrainingRecord record;  ///< what every checkpoint says beside its step and metrics
  /// What a trainer's machine must make of the job (JOB-6); none: what the first one's does.
  std::optional<serialization::Xxh3Digest> probe;
  /// When all trainers that came were refused: how long another one is waited for.
  Duration fitting_within = std::chrono::seconds{10};
  SharePolicy policy = SharePolicy::round_robin;
};

/// A member of the coordinator that has a job trained: it shares out the shards, collects the records of steps into the
/// ledger, and has versions saved. It stands on no step's path. All that it must know after an end lies in the shared
/// memory, the ledger and the checkpoints, so that the next coordinator goes on where this one ended; so does one in
/// a new process, from the newest checkpoint.
class Training {
 public:
  struct Listener {
    /// Steps that were committed, in order, at least one.
    std::function<void(std::span<const StepRecord>)> on_steps;
    /// A version is durable. Told once by each coordinator, in order.
    std::function<void(std::uint64_t version, const std::string& folder,
                       const std::string& state_hash)>
        on_saved;
    std::function<void(const std::string& reason)> on_failed;
    /// It was found where the job stands.
    std::function<void()> on_started;
    /// The steps whose versions are still to be read, or to be gone back to. Nothing: that is not known yet.
    std::function<std::optional<std::vector<std::uint64_t>>()> needed;
    /// Before a machine is found: one has no memory for shards of this size, and why. Empty: it is refused like others.
    std::function<void(const std::string& why)> on_exhausted;
    /// What people should know, a line.
    std::function<void(const std::string& text)> on_notice;
  };

  Training(runtime::Context& context, TrainingOptions options, Listener listener);
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// Finds where the job stands, on the executor "train": in memory, else in the newest checkpoint, else at its start.
  /// Where it is not given what a machine makes of the job, after the first trainer has shown it.
  void start();
  /// A trainer is leased shards once its probe is the job's.
  void join(const JobMember& who);
  void hear_version(std::uint64_t job);
  void hear_failure(std::uint64_t job, const std::string& reason);
  /// From wire::Pace.
  void hear_pace(const std::string& path, std::uint64_t incarnation, std::uint64_t job,
                 std::uint64_t shards, double seconds);
  /// Loaders that have the data, by path.
  /// @param data  the folder of that, where trainers may make the same batches; empty: they may not
  void set_loaders(std::vector<std::string> loaders, std::string data = {});
  /// Members stop working on it.
  void stop();
  /// Lets go of memory and ledger, which another job takes: from now on nothing has an effect.
  void retire();

  /// The newest version; none until it was found where the job stands.
  std::optional<std::uint64_t> version() const;
  bool finished() const { return saved_through_ >= options_.job->steps() && started_; }
  /// For checkpoints at an end that was asked for: versions whose steps are all in the ledger, in order; those that have
  /// to be saved and are not yet, as a job that goes on behind them makes them no more, and the newest.
  std::vector<VersionSlots::Held> hold_unsaved();
  serialization::TrainingRecord record() const;

 private:
  struct Member {
    std::string role;
    std::uint64_t incarnation = 0;
    std::uint64_t watch = 0;
    runtime::Ref ref;
    MeasuredSpeed speed = {};
    Subtree share = {};                                   // of a trainer
    TimePoint share_since = {};                           // that long nothing, or not
    std::optional<serialization::Xxh3Digest> probe = {};  // none: not told yet
    std::string fault = {};                               // why it cannot compute the job
    bool refused = false;
  };

  void find_where_it_stands();
  void take_ledger();
  void notify(const std::string& text);
  void go_on_with(const MachineFacts& machine);
  /// Has trainers say what their machines make of the job.
  void seek_machine();
  void take_machine(const JobMember& who);
  void open_ledger(std::optional<std::uint64_t> steps);
  /// Ends the job where it would not help to begin anew. @throws error else.
  void fail(const Error& error);
  void started();
  void collect();
  void save_next();
  void hear_saved(std::uint64_t version, const runtime::Answer& answer);
  void share();
  std::vector<double> speeds() const;
  struct Lease {
    Subtree shards;
    std::uint32_t every = 1, turn = 0;
  };
  bool admitted(const Member& member) const;
  /// Refuses those whose machines were shown to compute other bits, or none.
  void refuse_unfit();
  void refuse(const std::string& path, Member& member);
  /// Ends the job when all who came were refused, and nobody else comes.
  void look_for_fitting();
  void send_plan(const Member& member, const Lease& lease);
  void look();

  runtime::Context& context_;
  TrainingOptions options_;
  Listener listener_;
  std::shared_ptr<runtime::SharedMemory> memory_;
  std::optional<VersionSlots> slots_;
  LedgerLock ledger_lock_;  // from before it is looked where the job stands
  std::optional<StepCollector> collector_;
  std::map<std::string, Member> members_;
  std::vector<std::string> loaders_;
  std::string data_;
  std::uint64_t generation_ = 0;
  unsigned save_refusals_ = 0;       // in a row
  std::uint64_t saved_through_ = 0;  // versions up to this one that had to be saved are
  std::uint64_t timer_ = 0, fitting_timer_ = 0;
  std::string refusal_;  // the last one
  bool exhausted_ = false;
  bool seeking_ = false;  // for a machine: no trainer has shown what it makes of the job
  bool started_ = false, saving_ = false, stopped_ = false, retired_ = false, warned_ = false;
};

}  // namespace troupe::actors
