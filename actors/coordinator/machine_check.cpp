#include "actors/coordinator/machine_check.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "actors/report/ledger.hpp"
#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

/// What the ledger says of who computes from `step` on: a probe, or nothing.
/// @throws Error bad_input if it does not have the steps before.
MachineFacts noted(FileSystem& files, const std::string& ledger, std::uint64_t step) {
  const std::string expected =
      ledger + ": expected " + std::to_string(step) + " steps, as the newest checkpoint has, got ";
  if (files.kind(ledger) == PathKind::none) {
    if (step > 0) throw Error{ErrorCode::bad_input, expected + "no ledger"};
    return {};
  }
  const LedgerReader reader{files, ledger};
  if (reader.steps() < step)
    throw Error{ErrorCode::bad_input, expected + std::to_string(reader.steps()) +
                                          (reader.fault() ? "; " + *reader.fault() : "")};
  MachineFacts last;
  for (const LedgerMachine& machine : reader.machines())
    if (machine.step <= step) last = {{probe_fact, serialization::to_hex(machine.probe)}};
  return last;
}

}  // namespace

void check_machine(FileSystem& files, const MachineCheck& check, std::uint64_t step,
                   const MachineFacts& saved) {
  MachineFacts was = read_machine(files, check.file);
  if (was.empty()) was = saved;
  const MachineFacts in_ledger = noted(files, check.ledger, step);
  std::string where = check.file;
  // Of a job that begins nothing is said yet.
  std::string difference = was.empty() ? "" : machine_difference(was, check.here);
  if (difference.empty() && !in_ledger.empty()) {
    where = check.ledger;
    MachineFacts probe;
    std::ranges::copy_if(check.here, std::back_inserter(probe),
                         [](const auto& fact) { return fact.key == probe_fact; });
    difference = machine_difference(in_ledger, probe);
  }
  if (!difference.empty() && !check.accept)
    throw Error{ErrorCode::bad_input, where + ": the job was computed with " + difference +
                                          ": it would go on with other bits, from step " +
                                          std::to_string(step) + " on; --new-machine accepts that"};
  const std::string json = machine_json(check.here) + '\n';
  write_atomically(files, check.file, std::as_bytes(std::span{json}));
}

}  // namespace troupe::actors
