#include "actors/coordinator/standing.hpp"

#include <cstring>
#include <optional>
#include <utility>

#include "actors/coordinator/machine_check.hpp"
#include "actors/coordinator/training.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"

namespace troupe::actors {

using runtime::SharedMemory;

Standing find_standing(const TrainingOptions& options, SharedMemory& memory, FileSystem& files) {
  const TrainingJob& job = *options.job;
  if (const auto slots = VersionSlots::find(memory.writable_bytes(), job.id())) {
    if (const auto newest = slots->newest()) return {*newest, true};
  }
  std::optional<serialization::Checkpoint> checkpoint;
  if (files.kind(options.checkpoints) == PathKind::folder) {
    remove_temporaries(files, options.checkpoints);  // nobody saves yet
    checkpoint = serialization::find_newest_checkpoint(files, options.checkpoints).checkpoint;
  }
  const serialization::TrainingRecord saved =
      checkpoint ? checkpoint->manifest.record : serialization::TrainingRecord{};
  check_machine(files,
                {options.machine, options.ledger, options.record.machine, options.new_machine},
                saved.step, saved.machine);
  VersionSlots slots =
      VersionSlots::make(memory.writable_bytes(), job.id(), job.layout().slot_bytes, job.shards());
  auto first = slots.begin_write();
  if (!first) throw Error{ErrorCode::bug, "version slots: expected a free one at the start"};
  std::memset(first->state().data(), 0, first->state().size());
  const std::uint64_t version = saved.step;
  if (checkpoint) {
    serialization::load_slot(job.layout(), checkpoint->state, first->state());
  } else {
    job.graph().initialise(job.layout(), job.spec().seed, first->state());
  }
  slots.collected(version);
  slots.commit(*std::move(first), version, false);
  return {version, false};
}

}  // namespace troupe::actors
