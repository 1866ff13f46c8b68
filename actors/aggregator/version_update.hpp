#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/aggregator/step_sum.hpp"
#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"

namespace troupe::actors {

/// The step from version t to t + 1, out of place into a free slot. For one thread.
class VersionUpdate {
 public:
  VersionUpdate(std::shared_ptr<const TrainingJob> job, gpu::Device& device);

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
  std::unique_ptr<gpu::Stream> stream_;
  std::unique_ptr<gpu::Updater> updater_;
};

}  // namespace troupe::actors
