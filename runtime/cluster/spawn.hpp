#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "runtime/base/file_descriptor.hpp"

namespace troupe::runtime {

/// A process of ours that nobody has waited for yet.
struct ChildProcess {
  pid_t pid = 0;
  FileDescriptor pidfd;  ///< none where the kernel has no such thing (before 5.3)
};

/// Starts `path` and returns when it runs. The process gets SIGKILL when the calling thread ends; it is the
/// leader of a session of its own (a ^C in the terminal does not reach it), with no signal blocked or
/// ignored, stdin from /dev/null, our stdout and stderr, `descriptors` as 3, 4, …, and no others.
///
/// Costs the same however large this process is: no page table is copied. Meanwhile the calling thread
/// stands still, the others go on. The caller has blocked all signals, since a handler that ran in the
/// child would run on our memory.
/// @throws Error naming the path and the system's reason, if there is no such program, it may not be
/// run, or descriptors, processes or memory are used up; no process is left then.
ChildProcess spawn(const std::string& path, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, std::span<const int> descriptors);

}  // namespace troupe::runtime
