#pragma once

#include <string>

#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"

namespace troupe::actors {

struct SavedCheckpoint {
  std::string folder;
  std::string state_hash;  ///< JOB-8, hexadecimal
};

/// Writes a version that is held as a checkpoint below `parent`, which is made if it is not there. One that is there
/// and verifies stays, and is what is returned; a broken one is moved out of its way (NAME.broken-N).
///
/// @param record  its step is the version's
/// @throws Error as write_checkpoint does.
SavedCheckpoint save_version(FileSystem& files, const TrainingJob& job,
                             const VersionSlots::Held& version, const std::string& parent,
                             serialization::TrainingRecord record);

}  // namespace troupe::actors
