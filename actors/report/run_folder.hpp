#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/report/file_lock.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// What a run is, as its folder keeps it.
struct RunDescription {
  std::string name;         ///< as is_name() in runtime/base/name.hpp says
  std::string fingerprint;  ///< of the job: lower-case hexadecimal digits, at least 8
  std::string config;       ///< YAML, as expanded
  std::string job;          ///< JSON: the job with everything `auto` resolved
  std::string machine;      ///< JSON: processors, versions
};

/// The folder of one run of a job, which one process writes at a time:
///
///     ROOT/NAME-<first 8 digits of the fingerprint>-<n>/      n counts the runs of that name, from 1
///       config.yaml  job.json  machine.json                   what runs, and on what (machine_file.hpp)
///       prepared                                              a line: the folder of the prepared data
///       metrics.jsonl  events.out.tfevents.…                  what was told of it (metrics_log.hpp)
///       ledger                                                what it consumed (ledger.hpp)
///       checkpoints/  logs/
///       lock                                                  held by the process that writes
///
/// job.json, {"format":1,"name":…,"fingerprint":…,"job":…}, is written last: a folder that has none was never finished,
/// and counts for nothing. Not thread-safe; `files` outlives it.
class RunFolder {
 public:
  /// @throws Error bad_input, if the description is not as said above; else as the file system and the lock do.
  static RunFolder create(FileSystem& files, const std::string& root,
                          const RunDescription& description, const TakeLock& take = lock_file);
  /// Opens a run to go on with it, and removes what a power cut left half-written.
  /// @throws Error bad_input if it is of another job: both fingerprints are named; if another process writes it, or it is
  ///         no run; corrupted if its job.json cannot be read; unsupported if that is of a newer format.
  static RunFolder open_for_resume(FileSystem& files, const std::string& path,
                                   std::string_view fingerprint, const TakeLock& take = lock_file);
  /// The run of that name with the largest n; none if there is none.
  static std::optional<std::string> find_latest(FileSystem& files, const std::string& root,
                                                std::string_view name);
  /// The run of that name to go on with: the latest. Where that has not begun, as it has neither ledger nor checkpoint, it
  /// is the latest of the same job that has, if there is one.
  static std::optional<std::string> find_to_resume(FileSystem& files, const std::string& root,
                                                   std::string_view name,
                                                   std::string_view fingerprint);

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  const std::string& fingerprint() const { return fingerprint_; }
  /// The job as resolved: JSON on one line.
  const std::string& job() const { return job_; }
  std::string config() const;
  /// Removes a run whose start failed. Nobody writes there any more.
  void discard();
  std::string ledger_path() const { return path_ + "/ledger"; }
  std::string checkpoints_path() const { return path_ + "/checkpoints"; }
  std::string logs_path() const { return path_ + "/logs"; }
  /// Where the run in the folder `run` has the checkpoint of a step.
  static std::string checkpoint_in(const std::string& run, std::uint64_t step);

  /// The folder of the prepared data, once it is known. @throws Error bad_input if it has a line end in it.
  void set_prepared(const std::string& folder);
  std::optional<std::string> prepared() const;

 private:
  RunFolder(FileSystem& files, std::string path) : files_{&files}, path_{std::move(path)} {}

  FileSystem* files_;
  std::string path_, name_, fingerprint_, job_;
  FileLock lock_;
};

}  // namespace troupe::actors
