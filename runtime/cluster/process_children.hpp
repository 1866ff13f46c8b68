#pragma once

#include <memory>
#include <string>

namespace troupe::runtime {

class NodeCore;
class ProcessChildren;

/// Children with `isolation: process` of this node: each start is a worker process, joined by a socket pair, in
/// which the child lives under the same path, and a link through which its mail goes.
///
/// - PROC-1: a name goes down with what the kernel says of the process ("SIGSEGV", "exit status 3"), whatever the
///   link saw first; what was asked of it fails with that reason.
/// - PROC-2: the next process of a path starts when the one before has been reaped: what it held is free then.
/// - PROC-3: a process whose link has ended is killed.
/// @param program what to run; empty: this program, whose main calls worker_main().
std::unique_ptr<ProcessChildren> make_process_children(NodeCore& core, const std::string& program);

}  // namespace troupe::runtime
