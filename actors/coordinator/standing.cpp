#include "actors/coordinator/standing.hpp"

#include <cstring>
#include <optional>
#include <utility>

#include "actors/coordinator/machine_check.hpp"
#include "actors/coordinator/training.hpp"
#include "actors/report/ledger.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"

namespace troupe::actors {

using runtime::SharedMemory;

namespace {

/// The newest checkpoint that verifies, and lies within the ledger; none if there are none at all, or none verifies.
std::optional<serialization::Checkpoint> find_checkpoint(FileSystem& files,
                                                         const TrainingOptions& options,
                                                         std::vector<std::string>& warnings) {
  if (files.kind(options.checkpoints) != PathKind::folder) return {};
  remove_temporaries(files, options.checkpoints);  // nobody saves yet
  const std::vector<std::uint64_t> steps =
      serialization::checkpoint_steps(files, options.checkpoints);
  if (steps.empty()) return {};
  std::uint64_t noted = 0;
  std::string got = "no ledger";
  if (files.kind(options.ledger) != PathKind::none) {
    const LedgerReader ledger{files, options.ledger};
    noted = ledger.steps();
    got = std::to_string(noted) + (ledger.fault() ? "; " + *ledger.fault() : std::string{});
  }
  if (steps.front() > noted)
    throw Error{ErrorCode::bad_input, options.ledger + ": expected at least " +
                                          std::to_string(steps.front()) +
                                          " steps, as the oldest checkpoint has, got " + got +
                                          ": without --resume the job begins anew"};
  serialization::FoundCheckpoint found =
      serialization::find_newest_checkpoint(files, options.checkpoints, noted);
  if (steps.back() > noted)
    warnings.push_back(options.ledger + ": expected " + std::to_string(steps.back()) +
                       " steps, as the newest checkpoint has, got " + got);
  for (const auto& refused : found.refused) warnings.push_back(one_line(refused.reason));
  const std::string where =
      found.checkpoint
          ? "the checkpoint of step " + std::to_string(found.checkpoint->manifest.record.step)
          : "its start";
  for (std::string& warning : warnings) warning += ": the job goes on from " + where;
  return std::move(found.checkpoint);
}

}  // namespace

Standing find_standing(const TrainingOptions& options, SharedMemory& memory, FileSystem& files) {
  const TrainingJob& job = *options.job;
  if (const auto slots = VersionSlots::find(memory.writable_bytes(), job.id())) {
    // It is computed with what the coordinator before wrote down, also where nobody here knows of that.
    if (const auto newest = slots->newest())
      return {*newest, true, read_machine(files, options.machine), {}};
  }
  std::vector<std::string> warnings;
  const std::optional<serialization::Checkpoint> checkpoint =
      find_checkpoint(files, options, warnings);
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
  return {version, false, options.record.machine, std::move(warnings)};
}

}  // namespace troupe::actors
