#include "runtime/cluster/process_exit.hpp"

#include <cstring>

namespace troupe::runtime {

std::string signal_name(int signal) {
  if (const char* const name = ::sigabbrev_np(signal)) return std::string{"SIG"} + name;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    return signal == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  }
  return "signal " + std::to_string(signal);
}

Exit exit_of(const siginfo_t& end, bool killed) {
  if (end.si_code == CLD_EXITED) {
    if (end.si_status == 0) return {ExitKind::normal};
    return {ExitKind::failed, "exit status " + std::to_string(end.si_status)};
  }
  const char* const core = end.si_code == CLD_DUMPED ? " (core dumped)" : "";
  return {killed && end.si_status == SIGKILL ? ExitKind::killed : ExitKind::lost,
          signal_name(end.si_status) + core};
}

}  // namespace troupe::runtime
