#include "actors/coordinator/step_collector.hpp"

#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

LedgerWriter open_ledger(FileSystem& files, const std::string& path, const TrainingJob& job,
                         const serialization::Sha256Digest& data,
                         std::optional<std::uint64_t> steps) {
  LedgerHeader header;
  header.shards = job.shards();
  header.batch = static_cast<std::uint64_t>(job.spec().batch);
  header.samples = job.samples();
  header.seed = job.spec().seed;
  header.data_fingerprint = data;
  return files.kind(path) == PathKind::none ? LedgerWriter::create(files, path, header)
                                            : LedgerWriter::open(files, path, header, steps);
}

}  // namespace

StepCollector::StepCollector(FileSystem& files, std::string path,
                             std::shared_ptr<const TrainingJob> job,
                             const serialization::Sha256Digest& data, VersionSlots slots,
                             std::optional<std::uint64_t> steps)
    : path_{std::move(path)},
      job_{std::move(job)},
      slots_{slots},
      ledger_{open_ledger(files, path_, *job_, data, steps)} {}

std::vector<StepRecord> StepCollector::collect() {
  std::vector<ShardDigest> digests(job_->shards());
  std::vector<StepRecord> steps;
  while (const auto record = slots_.recorded(slots_.collected(), digests)) {
    if (ledger_.steps() < record->step)
      throw Error{ErrorCode::corrupted, path_ + ": expected " + std::to_string(record->step) +
                                            " steps, as were collected, got " +
                                            std::to_string(ledger_.steps())};
    // The ledger may know it already: the coordinator before ended between the two lines.
    if (ledger_.steps() == record->step) ledger_.append(record->step, digests, record->loss);
    slots_.collected(record->step + 1);
    steps.push_back(*record);
  }
  return steps;
}

void StepCollector::end_if_complete() {
  if (ledger_.ended() || ledger_.steps() < job_->steps()) return;
  ledger_.end(unused_positions(job_->train(), job_->samples()));
}

}  // namespace troupe::actors
