#pragma once

#include <functional>
#include <memory>
#include <string>

namespace troupe::actors {

/// Held for as long as a copy of it lives.
using FileLock = std::shared_ptr<void>;
/// Takes the lock that a path names, or throws. Tests of disks in memory pass one of their own.
using TakeLock = std::function<FileLock(const std::string& path)>;

/// Locks a file of the machine's (flock), which is created if there is none: for the caller alone, in this process too,
/// until the lock is dropped or the process ends, in whatever way. The file says which process holds it.
/// @return none if it is taken. @throws Error bad_input as the system does.
FileLock try_lock_file(const std::string& path);

/// The same, for a run. @throws Error bad_input, naming the process that writes it, if it is taken.
FileLock lock_file(const std::string& path);

}  // namespace troupe::actors
