#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/coordinator/job_files.hpp"
#include "actors/job/train_spec.hpp"
#include "actors/report/ledger.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// A job as the job.json of its folder says it.
struct DescribedJob {
  std::string sections;  ///< JSON: data, preprocess, model, train, evaluate, seed
  TrainSpec train;
  std::uint64_t seed = 0;
  bool may_stop_early = false;
};

/// @throws Error corrupted, naming the file, if it says no job; else as the file system does.
DescribedJob read_described_job(FileSystem& files, const std::string& run_folder);

/// What is wrong with the version that a run names in its result.json, a line each. Its checkpoint is there and verifies,
/// and has the step and the state (JOB-8) that the result says. It is of the job of job.json, and of the ledger's seed and
/// data. Unless the job may stop early it is the last one.
/// @throws Error exhausted as the file system does.
std::vector<std::string> audit_version(FileSystem& files, const std::string& run_folder,
                                       const JobResult& result, const DescribedJob& job,
                                       const LedgerHeader& ledger);

}  // namespace troupe::actors
