#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/file_descriptor.hpp"
#include "runtime/cluster/shared_memory.hpp"

namespace troupe::runtime {

/// Memory that a worker gets from the process that starts it.
struct InheritedMemory {
  std::shared_ptr<const SharedMemory> memory;
  SharedMemory::Access access = SharedMemory::Access::read_write;  ///< how the worker maps it
};

/// A worker's first argument, which says what it inherits: its socket as descriptor 3, its memories as 4, 5, …
/// @throws Error bad_input if two memories have one name, or there are more than 64.
std::string worker_argument(const std::vector<InheritedMemory>& memories);

/// What a worker begins with.
struct WorkerStart {
  FileDescriptor
      socket;  ///< to the process that started it; at its end the worker has no more to do
  std::map<std::string, SharedMemory, std::less<>> memories;  ///< by name
  std::vector<std::string> arguments;                         ///< of its command, argv[0] left out
};

/// Whether this process was started as a worker, and what it was handed. To be called once, first in main.
/// The descriptors become close-on-exec: what the worker itself starts does not get them.
/// @throws Error bad_input if the first argument says so, but was typed by hand: what it names is not there.
/// It is for the caller to print, and to exit with 2.
std::optional<WorkerStart> find_worker_start(int argc, const char* const* argv);

}  // namespace troupe::runtime
