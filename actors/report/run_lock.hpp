#pragma once

#include <functional>
#include <memory>
#include <string>

namespace troupe::actors {

/// Held for as long as it lives.
using RunLock = std::shared_ptr<void>;
/// Takes the lock that a path names, or throws. Tests of disks in memory pass one of their own.
using TakeLock = std::function<RunLock(const std::string& path)>;

/// Locks a file of the machine's (flock), which is created if there is none: for this process alone, until the lock is
/// dropped or the process ends, in whatever way. The file says which process holds it.
/// @throws Error bad_input, naming that process, if it is taken; else as the system does.
RunLock lock_file(const std::string& path);

}  // namespace troupe::actors
