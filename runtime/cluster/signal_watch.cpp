#include "runtime/cluster/signal_watch.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "runtime/cluster/posix_error.hpp"

namespace troupe::runtime {

SignalWatch::SignalWatch(std::function<void(int)> told) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  struct sigaction hang_up {};
  if (::sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
    sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = FileDescriptor{::signalfd(-1, &set, SFD_CLOEXEC)};
  end_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC)};
  if (signals_.get() < 0 || end_.get() < 0)
    throw posix_error("signals: signalfd or eventfd", errno);
  thread_ = std::thread{[this, told = std::move(told)] {
    for (;;) {
      std::array<pollfd, 2> watched{{{signals_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
      if (watched[1].revents != 0) return;
      signalfd_siginfo info{};
      if (watched[0].revents != 0 && ::read(signals_.get(), &info, sizeof info) == sizeof info)
        told(static_cast<int>(info.ssi_signo));
    }
  }};
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(end_.get(), &one, sizeof one));
  thread_.join();
}

}  // namespace troupe::runtime
