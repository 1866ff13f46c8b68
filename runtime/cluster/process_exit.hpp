#pragma once

#include <csignal>
#include <string>

#include "runtime/exit.hpp"

namespace troupe::runtime {

/// "SIGKILL", "SIGRTMIN+3"; "signal 99" for a number that has no name.
std::string signal_name(int signal);

/// What a process's end means: exit(0) normal, exit(n) failed ("exit status n"), by a signal lost ("SIGSEGV
/// (core dumped)"), but killed if `killed` (we sent SIGKILL) and that was it.
/// @param end as waitid(2) tells it: CLD_EXITED, CLD_KILLED or CLD_DUMPED.
Exit exit_of(const siginfo_t& end, bool killed);

}  // namespace troupe::runtime
