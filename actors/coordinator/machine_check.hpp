#pragma once

#include <cstdint>
#include <string>

#include "actors/report/machine_file.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

struct MachineCheck {
  std::string file;     ///< machine.json: with what the job goes on
  std::string ledger;   ///< which says who computed each step
  MachineFacts here;    ///< this machine, its probe of the job too
  bool accept = false;  ///< other bits from here on
};

/// JOB-6: a job goes on where its record of the machine holds; elsewhere its bits would be others, which is refused, or
/// accepted. `file` says what is here when this returns; the ledger is only read.
/// @param step   that the job goes on from
/// @param saved  what the checkpoint of that step says, for a run that has no `file`; empty at the start
/// @throws Error bad_input naming the file and all that differs, or if the ledger has fewer steps; nothing has changed
/// then. As the file system and LedgerReader do.
void check_machine(FileSystem& files, const MachineCheck& check, std::uint64_t step,
                   const MachineFacts& saved);

}  // namespace troupe::actors
