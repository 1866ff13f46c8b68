#include "actors/trainer/save_snapshot.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace troupe::actors {

SnapshotOutcome save_snapshot(ResidentJob& resident, const ResidentJob::Snapshot& snapshot,
                              VersionSlots slots, bool pin) {
  // Before anything is copied.
  if (snapshot.version > slots.collected() + VersionSlots::records) return SnapshotOutcome::no_room;
  auto to = slots.begin_write();
  if (!to) return SnapshotOutcome::no_room;
  const auto outcomes = resident.copy_out(snapshot, to->state());
  if (!outcomes) return SnapshotOutcome::not_finite;
  const std::span digests{snapshot.digests};
  for (std::size_t i = 0; i < outcomes->size(); ++i) {
    const auto& [loss, rows] = (*outcomes)[i];
    const StepRecord record{snapshot.first + i, rows > 0 ? loss / static_cast<double>(rows) : 0.0,
                            rows};
    if (!slots.record(record, digests.subspan(i * slots.shards(), slots.shards())))
      return SnapshotOutcome::no_room;
  }
  return slots.commit(*std::move(to), snapshot.version, pin) ? SnapshotOutcome::committed
                                                             : SnapshotOutcome::lost;
}

}  // namespace troupe::actors
