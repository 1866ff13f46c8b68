#include "tests/bench/runtime/forked.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>

namespace troupe::bench {

std::pair<pid_t, int> fork_with_socket(const std::function<void(int)>& work) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    throw std::system_error{errno, std::generic_category(), "socketpair"};
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (pid > 0) {
    ::close(pair[1]);
    return {pid, pair[0]};
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close(pair[0]);
  try {
    work(pair[1]);
  } catch (const std::exception&) {
    ::_exit(1);
  }
  ::_exit(0);
}

std::size_t touch(std::span<const std::byte> bytes) {
  std::size_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 64)
    sum += std::to_integer<std::size_t>(bytes[at]);
  return sum;
}

}  // namespace troupe::bench
