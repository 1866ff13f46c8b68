#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/file.hpp"

namespace troupe::gpu::cuda::dnn {

/// What is kept of a plan between programs.
struct StoredPlan {
  std::string choice;  ///< for the machine record (JOB-6), one line
  std::string json;    ///< CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION

  bool operator==(const StoredPlan&) const = default;
};

/// Plans in a folder, one file a key. A key says all that a plan depends on; it stands in the file, whose name is but a
/// hash of it. Several processes may use one folder at once: files are put there whole.
class PlanCache {
 public:
  /// The folder is made when the first plan is stored.
  PlanCache(FileSystem& files, std::string folder);

  /// Nothing if there is no such file, or it is damaged, too large, or that of another key or version.
  std::optional<StoredPlan> find(std::string_view key) const;
  /// Takes the place of what was there. A disk that cannot be written costs time at the next start and is no error.
  void store(std::string_view key, const StoredPlan& plan);

  std::string path_of(std::string_view key) const;

 private:
  FileSystem* files_;
  std::string folder_;
};

}  // namespace troupe::gpu::cuda::dnn
