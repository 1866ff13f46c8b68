#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/trainer/resident_job.hpp"
#include "actors/trainer/save_snapshot.hpp"
#include "actors/trainer/shard_batches.hpp"
#include "actors/trainer/shard_worker.hpp"
#include "actors/trainer/trainer_metrics.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {
class Context;
}

namespace troupe::actors {

struct SoloOptions {
  std::shared_ptr<ShardWorker> worker;
  VersionSlots slots;
  std::shared_ptr<const void> memory;  ///< that the slots lie in
  std::uint64_t prefetch = 2;          ///< steps whose inputs are asked for ahead
  std::string data;  ///< a folder that the device may make batches of; empty: loaders make them
};

/// How a trainer computes a job that it has alone by a device with memory of its own: the versions stay there
/// (ResidentJob), and one is copied into the node's slots each second, after ResidentJob::most_unsaved steps, and wherever
/// the job saves it. Whoever goes on after an end, here or elsewhere, replays from the newest of these; the bits are the
/// same. Where something is not finite it replays by itself, a step at a time, to say which step.
///
/// A member of its actor, by shared_ptr: what still runs for it when the actor lets go of it holds it.
class SoloTraining : public std::enable_shared_from_this<SoloTraining> {
 public:
  struct Listener {
    std::function<void(std::uint64_t version)> on_version;     ///< it is in the node's slots
    std::function<void(const std::string& reason)> on_failed;  ///< the job cannot go on
    std::function<void()> on_left;                             ///< after leave()
  };
  SoloTraining(runtime::Context& context, SoloOptions options, ShardBatches& batches,
               TrainerMetrics& metrics, Listener listener);

  /// Does what can be done now: to be called when inputs have come.
  void advance();
  /// Others are to compute parts of it: no step follows, and the newest version is saved.
  void leave();
  /// Nothing it does has an effect any more.
  void end() { ended_ = true; }

 private:
  /// Runs `what` by the worker; then `then` gets its result, unless this has ended.
  template <class What, class Then>
  void work(const std::string& label, What what, Then then);
  struct Begun {
    std::optional<std::uint64_t> version;  ///< none: there is none yet
    bool has_data = false;
    std::string why_not = {};
    double peak = 0.0;  ///< of the device
  };
  /// By the worker.
  static Begun begin_on(ShardWorker& worker, VersionSlots slots, const std::string& data);
  void begin();
  void pause();
  bool wants_snapshot() const;
  bool may_step() const;
  void take_snapshot();
  struct Taken {
    std::shared_ptr<ResidentJob> resident;
    ResidentJob::Snapshot snapshot;
  };
  struct Saved {
    SnapshotOutcome outcome;
    std::optional<StepTimes> times;
    std::optional<gpu::DeviceUse> use;
  };
  void save(std::shared_ptr<const Taken> taken);
  void saved(const std::shared_ptr<const Taken>& taken, const Saved& result);
  void replay();
  void compute();
  /// How many steps may be enqueued now: none is behind a version that must be saved first.
  std::size_t possible_steps() const;
  std::vector<ShardBatches::Inputs> ready_steps();
  struct Computed {
    std::uint64_t version = 0;
    std::size_t steps = 0;
    Duration took{};
  };
  void computed(const Computed& result);
  void compute_from_loaders();
  void compute_from_device();

  runtime::Context& context_;
  SoloOptions options_;
  std::shared_ptr<const TrainingJob> job_;
  ShardBatches& batches_;
  TrainerMetrics& metrics_;
  Listener listener_;
  std::uint64_t version_ = 0;   ///< that the device was told to compute
  std::uint64_t snapshot_ = 0;  ///< the newest that was taken
  std::uint64_t saved_ = 0;     ///< the newest in the node's slots
  TimePoint snapshot_at_{};
  bool has_data_ = false;  ///< on the device
  double peak_ = 0.0;      ///< of the device, in the job's precision; 0: not measured
  bool begun_ = false, busy_ = false, saving_ = false, leaving_ = false, ended_ = false;
  std::size_t at_once_ = 1;  ///< steps of a call: as many as take long enough, and not too long
  bool replays_ = false;
  std::uint64_t careful_until_ =
      0;  ///< a step at a time below this version: something was not finite
};

}  // namespace troupe::actors
