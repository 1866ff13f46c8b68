#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/file.hpp"

namespace troupe::actors {

/// A checkpoint that may be served, and what its run says of it.
struct SavedVersion {
  std::string checkpoint;                               ///< its folder
  std::string state_hash;                               ///< JOB-8, hexadecimal
  std::optional<bool> gate_passed;                      ///< none: nobody decided
  std::string gate;                                     ///< the rule, or what did not hold of it
  std::vector<std::pair<std::string, double>> metrics;  ///< on test data, else on validation data
};

/// What a path names: a run folder the version that its job chose, a checkpoint's folder itself. It is read and verified
/// as a whole. A checkpoint that its run did not choose, or that lies in none, has no gate.
/// @throws Error bad_input for a run that has not come to its end, and as read_checkpoint() does.
SavedVersion find_saved_version(FileSystem& files, const std::string& path);

}  // namespace troupe::actors
