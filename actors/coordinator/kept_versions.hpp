#pragma once

#include <set>
#include <string>

#include "actors/coordinator/version_list.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Copies a version's checkpoint to FOLDER/versions/NUMBER, so that it can be served when its run is gone. @return that
/// path, where it is whole and verified; it stays as it is if it was there.
/// @throws Error as read_checkpoint() and write_checkpoint() do.
std::string keep_version(FileSystem& files, const std::string& folder,
                         const NumberedVersion& version);

/// Removes the copies but those with these numbers.
void forget_versions(FileSystem& files, const std::string& folder,
                     const std::set<std::string>& but);

}  // namespace troupe::actors
