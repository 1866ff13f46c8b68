#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/file.hpp"

namespace troupe::actors {

/// What was measured of one version on one split.
struct MeasuredVersion {
  std::uint64_t step = 0;
  std::string split;
  std::vector<std::pair<std::string, double>> metrics;

  bool operator==(const MeasuredVersion&) const = default;
};

/// How a job ended.
struct JobResult {
  std::uint64_t step = 0;
  std::string checkpoint;  ///< the folder of the version that was chosen
  std::string state_hash;
  bool gate_passed = false;
  std::string gate;  ///< the rule, or what did not hold of it

  bool operator==(const JobResult&) const = default;
};

/// What a coordinator must not forget beside ledger and checkpoints, in files of the run folder, each written
/// atomically: `evaluations.json` and `result.json`. What cannot be read is an Error corrupted that names the file.
/// Not thread-safe, but for the writing itself.
class JobFiles {
 public:
  /// Writes one of the files as it is to be now; on any thread, in the order in which they were given.
  /// @throws Error as write_atomically does.
  using Write = std::function<void()>;

  JobFiles(FileSystem& files, std::string folder);

  const std::vector<MeasuredVersion>& measured() const { return measured_; }
  const MeasuredVersion* find(std::uint64_t step, const std::string& split) const;
  /// Again for the same version and split: nothing changes.
  [[nodiscard]] Write add(MeasuredVersion measured);

  const std::optional<JobResult>& result() const { return result_; }
  [[nodiscard]] Write set_result(JobResult result);

 private:
  Write writes(const char* name, std::string text) const;

  FileSystem& files_;
  std::string folder_;
  std::vector<MeasuredVersion> measured_;
  std::optional<JobResult> result_;
};

}  // namespace troupe::actors
