#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/report/ledger.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/positions.hpp"

namespace troupe::actors {

/// A shard that consumed something else than JOB-1 says.
struct ShardDifference {
  std::uint64_t step = 0;
  std::uint32_t shard = 0;
  PositionRange positions;
  std::string
      explanation;  ///< which records were skipped, doubled or swapped, if that is what happened
};

/// What an audit found.
struct AuditReport {
  LedgerHeader header;
  std::uint64_t steps = 0;              ///< that were looked at, from the first
  std::uint64_t different = 0;          ///< shards that differ
  std::vector<ShardDifference> first;   ///< of these the first ones, at most `most_named`
  std::optional<PositionRange> unused;  ///< at the job's end, if the steps reach it
  std::vector<LedgerMachine>
      machines;  ///< whose bits these steps have: more than one where a job went on elsewhere
  std::vector<std::string> problems;  ///< what else is wrong, a line each
  std::string state_hash;             ///< of the version that the run gave, which verifies if ok()

  static constexpr std::size_t most_named = 5;
  bool ok() const { return different == 0 && problems.empty(); }
  /// In lines, for a person.
  std::string text() const;
};

/// Recomputes from the prepared data what each shard of each step must have consumed (JOB-1), and compares it with what
/// the ledger says it did. Of a shard that differs, it tries what would explain its digest: a record left out, one taken
/// twice, two swapped. What is left over at the job's end must be what the ledger notes as unused.
/// @param prepared  the folder of the prepared data
/// @param steps     up to which step; those past the ledger's end are a problem. Nothing: all that it has
/// @param epochs    of the job; 0 if it is counted in steps
/// @throws Error as LedgerReader and PreparedData do.
AuditReport audit_ledger(FileSystem& files, const std::string& ledger, const std::string& prepared,
                         std::optional<std::uint64_t> steps, std::int64_t epochs);

/// The same of a run, up to the version that its job gave, or of all that it did where it has given none yet. The version is
/// verified too, as audit_version() says.
/// @param run_folder  as RunFolder says. @throws Error bad_input if it is none, or was not far enough to have a ledger.
AuditReport audit_run(FileSystem& files, const std::string& run_folder);

}  // namespace troupe::actors
