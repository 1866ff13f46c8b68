#pragma once

#include "actors/trainer/resident_job.hpp"
#include "actors/versions/version_slots.hpp"

namespace troupe::actors {

enum class SnapshotOutcome {
  committed,   ///< the version is in the node's memory, and so are the records of its steps
  no_room,     ///< of slots or of records; try again later
  not_finite,  ///< something was not finite in a step of it, or in a later one
  lost,        ///< the slot was taken away
};

/// Copies a version that a device holds into a slot of the node's. The snapshot stays held.
/// @param pin  the version stays until it is unpinned
SnapshotOutcome save_snapshot(ResidentJob& resident, const ResidentJob::Snapshot& snapshot,
                              VersionSlots slots, bool pin);

}  // namespace troupe::actors
