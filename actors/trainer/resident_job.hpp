#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "actors/job/shard_digest.hpp"
#include "actors/job/training_job.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "actors/trainer/step_times.hpp"
#include "gpu/device.hpp"
#include "runtime/base/positions.hpp"

namespace troupe::actors {

/// A data set on a device, and what the records behind positions are, for the ledger.
struct DeviceData {
  std::unique_ptr<gpu::ResidentData> rows;
  std::function<ShardDigest(PositionRange)> digest;
};

/// All steps of a job by one device that holds its versions. Steps are enqueued and not waited for, and what they give stays
/// there. Where the data set is there as well, a step is one launch of what was recorded, with nothing from the host; else
/// its inputs are copied. The bits are those of shards that are shared out, and of the update in the node's memory.
///
/// Used by one thread, but for copy_out() and release(), which another may call meanwhile.
class ResidentJob {
 public:
  /// How many steps may follow a snapshot until the next.
  static constexpr std::size_t most_unsaved = 256;

  /// @param runner  of the job, on that device, and used through this alone from now on. Outlives it.
  /// @throws Error exhausted.
  ResidentJob(std::shared_ptr<const TrainingJob> job, gpu::Device& device, ShardRunner& runner);
  /// Blocks until the device is done.
  ~ResidentJob();
  ResidentJob(const ResidentJob&) = delete;
  ResidentJob& operator=(const ResidentJob&) = delete;

  /// Computes a step of nothing, so that want of memory shows. Then comes load(). @throws Error exhausted.
  void rehearse();
  /// Begins at a version, in the layout's order. Snapshots that are held are void.
  void load(std::uint64_t version, std::span<const std::byte> state);
  /// The one that the steps enqueued so far lead to.
  std::uint64_t version() const { return version_; }
  /// The inputs of all its shards, in order; they are copied. Blocks while the device is two shards behind.
  /// @throws Error bad_input for others than the job's; bug for more than most_unsaved steps without a snapshot.
  void step(std::span<const ShardInputs> shards);

  /// How many steps run() takes at a time.
  static constexpr std::size_t most_at_once = 16;
  /// Takes the memory of batches that the device makes, before the data set takes what is left. @throws Error exhausted.
  void make_room_for_batches();
  /// From here on batches can be made by the device, for which there is room.
  void set_data(DeviceData data) { data_ = std::move(data); }
  bool has_data() const { return data_.rows != nullptr; }
  /// So many steps by them, none behind the job's last. Blocks while the device is two calls behind. @throws Error as step().
  void run(std::size_t steps);
  /// Blocks until the last step is done. @throws Error bad_input naming step and parameter if its loss or gradient is
  /// not finite.
  void check();

  /// A version that stays while steps go on, and what they leave behind since the one before.
  struct Snapshot {
    std::uint64_t first = 0, version = 0;  ///< the steps [first, version) have led to it
    std::vector<ShardDigest> digests;      ///< by step and shard
    std::size_t place = 0;
    std::uint64_t mark = 0, first_outcome = 0;
  };
  /// Of version(). @throws Error bug while another one is held.
  Snapshot snapshot();

  using Outcome = gpu::StepQueue::Outcome;
  /// Copies a held version to memory of the layout's size. Blocks until it is there.
  /// @return of each of its steps; none: in one of them, or in a later one, something was not finite.
  std::optional<std::vector<Outcome>> copy_out(const Snapshot& snapshot, std::span<std::byte> to);
  void release(const Snapshot& snapshot);
  /// Of a step before the last snapshot that was copied out; none: nothing new. By who copied it out.
  std::optional<StepTimes> times() { return timer_.take(); }
  /// Of a step, in the layers' products.
  double flops() const { return static_cast<double>(job_->shards()) * runner_.flops(); }

 private:
  struct Version {
    std::shared_ptr<gpu::Storage> memory;
    std::atomic<bool> held = false;
  };
  static constexpr std::size_t versions = 3;  // the newest, the next, and one that is copied out

  std::size_t free_version() const;
  void expect_room(std::size_t steps) const;
  /// Enqueues a step from one place to another.
  void enqueue(std::size_t from, std::size_t to, const ShardRunner::Feed& feed, bool timed = false);
  void update(const gpu::UpdateBindings& bindings);
  ShardRunner::Feed from_data();
  void push_states(std::size_t steps);
  void went_to(std::size_t place);

  std::shared_ptr<const TrainingJob> job_;
  gpu::Device& device_;
  ShardRunner& runner_;
  StepTimer timer_;
  std::unique_ptr<gpu::Updater> updater_;
  std::unique_ptr<gpu::StepQueue> queue_;
  std::unique_ptr<gpu::Stream> copies_;  // of snapshots
  std::unique_ptr<gpu::Event> computed_;
  std::uint64_t marks_ = 0;
  std::array<Version, versions> versions_;
  std::size_t newest_ = 0;
  std::uint64_t version_ = 0, loaded_ = 0, noted_from_ = 0;
  std::vector<ShardDigest> digests_;  // of the steps from noted_from_ on

  DeviceData data_;
  std::vector<std::shared_ptr<gpu::Storage>> batch_;  // what the device fills, by input
  std::vector<gpu::BatchRing> rings_;
  std::shared_ptr<gpu::Storage> state_;  // the StepState of the shard that is computed
  std::vector<gpu::StepState> states_;   // of a call of run()
  std::unique_ptr<gpu::Event> ran_;
  std::uint64_t runs_ = 0;
  bool kernels_loaded_ = false;
  bool update_loaded_ = false;
  // Of steps on the host's batches: by what is bound, which are few (versions, sums and steps that take turns).
  std::map<std::array<const void*, 4>, std::unique_ptr<gpu::Recorded>> updates_;
  std::array<std::unique_ptr<gpu::Recorded>, versions * versions> recorded_;  // by from and to
};

}  // namespace troupe::actors
