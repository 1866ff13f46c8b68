#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/coordinator/leases.hpp"
#include "actors/job/training_job.hpp"
#include "actors/report/ledger.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/handlers.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"

namespace troupe::runtime {
class SharedMemory;
}

namespace troupe::actors {

struct TrainingOptions {
  std::shared_ptr<const TrainingJob> job;
  std::string memory = "versions";       ///< that the node shares
  std::string ledger;                    ///< its file
  std::string checkpoints;               ///< their folder
  serialization::TrainingRecord record;  ///< what every checkpoint says beside its step and metrics
  SharePolicy policy = SharePolicy::round_robin;
};

/// A member of the coordinator that has a job trained: it shares out the shards, collects the records of steps into the
/// ledger, and has versions saved. It stands on no step's path. All that it must know after an end lies in the shared
/// memory, the ledger and the checkpoints, so that the next coordinator goes on where this one ended; so does one in
/// a new process, from the newest checkpoint.
class Training {
 public:
  struct Listener {
    std::function<void(const StepRecord&)> on_step;
    /// A version is durable. Told once by each coordinator, in order.
    std::function<void(std::uint64_t version, const std::string& folder,
                       const std::string& state_hash)>
        on_saved;
    std::function<void(const std::string& reason)> on_failed;
    /// It was found where the job stands.
    std::function<void()> on_started;
  };

  Training(runtime::Context& context, TrainingOptions options, Listener listener);
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// Finds where the job stands, on the executor "train": in memory, else in the newest checkpoint, else at its start.
  void start();
  /// From wire::Here.
  void join(const std::string& role, const std::string& path, std::uint64_t incarnation);
  void hear_version(std::uint64_t job);
  void hear_failure(std::uint64_t job, const std::string& reason);
  /// From wire::Pace.
  void hear_pace(const std::string& path, std::uint64_t incarnation, std::uint64_t job,
                 std::uint64_t shards, double seconds);
  /// Loaders that have the data, by path.
  void set_loaders(std::vector<std::string> loaders);
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
    Subtree share = {};          // of a trainer
    TimePoint share_since = {};  // that long nothing, or not
  };

  void open_ledger(std::optional<std::uint64_t> steps);
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
  void send_plan(Member& member, const Lease& lease);
  void look();

  runtime::Context& context_;
  TrainingOptions options_;
  Listener listener_;
  std::shared_ptr<runtime::SharedMemory> memory_;
  std::optional<VersionSlots> slots_;
  std::optional<LedgerWriter> ledger_;
  std::map<std::string, Member> members_;
  std::vector<std::string> loaders_;
  std::uint64_t generation_ = 0;
  std::uint64_t saved_through_ = 0;  // versions up to this one that had to be saved are
  std::uint64_t timer_ = 0;
  bool started_ = false, saving_ = false, stopped_ = false, retired_ = false, warned_ = false;
};

}  // namespace troupe::actors
