#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/report/ledger.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/base/file.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {

/// Brings the records of committed steps from the slots into the job's ledger, whose only writer it is. Not thread-safe.
class StepCollector {
 public:
  /// Goes on with the ledger at `path`, or begins it.
  /// @param data   the fingerprint of the prepared data
  /// @param steps  of the ledger, as LedgerWriter::open() has them
  /// @throws Error as LedgerWriter does.
  StepCollector(FileSystem& files, std::string path, std::shared_ptr<const TrainingJob> job,
                const serialization::Sha256Digest& data, VersionSlots slots,
                std::optional<std::uint64_t> steps);

  /// All steps that were committed and that nobody has collected yet, in order.
  /// @throws Error corrupted if the ledger has fewer steps than were collected; else as LedgerWriter does.
  std::vector<StepRecord> collect();
  /// Where the job's last step is in the ledger, notes what is left over; nothing follows.
  void end_if_complete();

  LedgerWriter& ledger() { return ledger_; }
  const LedgerWriter& ledger() const { return ledger_; }

 private:
  const std::string path_;
  const std::shared_ptr<const TrainingJob> job_;
  VersionSlots slots_;
  LedgerWriter ledger_;
};

}  // namespace troupe::actors
