#include "runtime/cluster/process_exit.hpp"

#include <csignal>

#include "tests/support/doctest_std.hpp"

using namespace troupe::runtime;

namespace {

siginfo_t end_of(int code, int status) {
  siginfo_t end{};
  end.si_code = code;
  end.si_status = status;
  return end;
}

void check(const Exit& exit, ExitKind kind, std::string_view reason) {
  CHECK(to_string(exit.kind) == to_string(kind));
  CHECK(exit.reason == reason);
}

}  // namespace

TEST_CASE("signal_name: every number has a text") {
  CHECK(signal_name(SIGKILL) == "SIGKILL");
  CHECK(signal_name(SIGSTOP) == "SIGSTOP");
  CHECK(signal_name(SIGRTMIN) == "SIGRTMIN");
  CHECK(signal_name(SIGRTMAX) == "SIGRTMIN+" + std::to_string(SIGRTMAX - SIGRTMIN));
  CHECK(signal_name(0) == "signal 0");
  CHECK(signal_name(-1) == "signal -1");
  CHECK(signal_name(1000) == "signal 1000");
}

TEST_CASE("exit_of: an exit status is normal if 0, else failed") {
  check(exit_of(end_of(CLD_EXITED, 0), false), ExitKind::normal, "");
  check(exit_of(end_of(CLD_EXITED, 3), false), ExitKind::failed, "exit status 3");
  check(exit_of(end_of(CLD_EXITED, 0), true), ExitKind::normal, "");
  check(exit_of(end_of(CLD_EXITED, SIGKILL), true), ExitKind::failed, "exit status 9");
}

TEST_CASE("exit_of: a signal is killed if it is the SIGKILL that we sent, else lost") {
  check(exit_of(end_of(CLD_KILLED, SIGKILL), true), ExitKind::killed, "SIGKILL");
  check(exit_of(end_of(CLD_KILLED, SIGKILL), false), ExitKind::lost, "SIGKILL");
  check(exit_of(end_of(CLD_KILLED, SIGTERM), true), ExitKind::lost, "SIGTERM");
  check(exit_of(end_of(CLD_DUMPED, SIGSEGV), false), ExitKind::lost, "SIGSEGV (core dumped)");
}
