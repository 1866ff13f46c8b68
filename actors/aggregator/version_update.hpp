#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/aggregator/step_sum.hpp"
#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "runtime/base/thread_team.hpp"

namespace troupe::actors {

/// The step from version t to t + 1, out of place into a free slot; ranges of elements are shared among threads, which
/// changes no bit. For one thread.
class VersionUpdate {
 public:
  /// @param threads  at most; a small model is not worth several. 0: as many as there are cores.
  VersionUpdate(std::shared_ptr<const TrainingJob> job, gpu::Device& device, unsigned threads = 1);

  enum class Outcome {
    committed,  ///< version step + 1 is there, by this update or by an earlier one
    no_slot,    ///< all slots are held or pinned; try again later
    no_record,  ///< the records of steps are full; try again when some were collected
    lost,  ///< the version that it starts from is gone, or the slot was taken away: look for the newest again
  };
  /// @param pin  the version stays until it is unpinned
  /// @throws Error bad_input naming step and parameter if the loss or a gradient is not finite; no version is made then.
  Outcome run(VersionSlots slots, std::uint64_t step, const StepSum& sum, bool pin);

 private:
  std::shared_ptr<const TrainingJob> job_;
  std::unique_ptr<gpu::Updater> updater_;
  ThreadTeam team_;
  std::vector<std::unique_ptr<gpu::Stream>> streams_;  // of each member
};

}  // namespace troupe::actors
