#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/report/machine_file.hpp"
#include "runtime/base/file.hpp"

namespace troupe::runtime {
class SharedMemory;
}

namespace troupe::actors {

struct TrainingOptions;

/// Where a job stands when its coordinator begins.
struct Standing {
  std::uint64_t version = 0;
  bool in_memory = false;                  ///< the job went on, and so does its ledger
  MachineFacts machine = {};               ///< what it goes on with
  std::vector<std::string> warnings = {};  ///< why it is not the newest checkpoint, a line each
};

/// Puts the state to go on from into a slot, of the start or of the newest checkpoint that verifies and whose steps are
/// all in the ledger, unless the job is in memory already: somebody's end before this one's.
/// @throws Error bad_input if there are checkpoints, and all have more steps than the ledger; else as check_machine(),
///         find_newest_checkpoint() and VersionSlots::make() do.
Standing find_standing(const TrainingOptions& options, runtime::SharedMemory& memory,
                       FileSystem& files);

}  // namespace troupe::actors
