#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Which of the checkpoints that were saved may go: all but the `keep` newest, and those that are needed.
/// @param saved  their steps, growing
/// @param keep   0: all stay
std::vector<std::uint64_t> old_versions(std::span<const std::uint64_t> saved, std::uint64_t keep,
                                        std::span<const std::uint64_t> needed);

/// Removes these from a folder of checkpoints, and returns their steps. None goes unless the newest one verifies. Each
/// is renamed and the folder synced before anything in it is removed: at any power cut a name is that of a whole
/// checkpoint or of none; remove_temporaries() takes away what was left.
/// @throws Error as the file system does; what is gone by then is gone.
std::vector<std::uint64_t> remove_old_versions(FileSystem& files, const std::string& folder,
                                               std::uint64_t keep,
                                               std::span<const std::uint64_t> needed);

}  // namespace troupe::actors
