#pragma once

#include <cstdint>

#include "runtime/base/file.hpp"

namespace troupe::runtime {
class SharedMemory;
}

namespace troupe::actors {

struct TrainingOptions;

/// Where a job stands when its coordinator begins.
struct Standing {
  std::uint64_t version = 0;
  bool in_memory = false;  ///< the job went on, and so does its ledger
};

/// Puts the state to go on from into a slot, of the newest checkpoint or of the start, unless the job is in memory
/// already: somebody's end before this one's.
/// @throws Error as check_machine(), find_newest_checkpoint() and VersionSlots::make() do.
Standing find_standing(const TrainingOptions& options, runtime::SharedMemory& memory,
                       FileSystem& files);

}  // namespace troupe::actors
