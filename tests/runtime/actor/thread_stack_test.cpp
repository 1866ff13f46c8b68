#include "runtime/actor/thread_stack.hpp"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>
#include <limits>
#include <thread>

#include "runtime/base/error.hpp"

using namespace std::chrono_literals;
using troupe::Error;
using troupe::runtime::install_stack_signal;
using troupe::runtime::stack_of_thread;

namespace {

// A thread that is in the C library's read(), whose name is exported, until it is let go.
class Reader {
 public:
  explicit Reader(bool blocks_signal) {
    REQUIRE(pipe(ends_) == 0);
    std::promise<pid_t> tid;
    auto its_tid = tid.get_future();
    thread_ = std::thread{[this, blocks_signal, &tid] {
      sigset_t signals;
      sigemptyset(&signals);
      sigaddset(&signals, SIGUSR2);
      pthread_sigmask(blocks_signal ? SIG_BLOCK : SIG_UNBLOCK, &signals, nullptr);
      tid.set_value(gettid());
      char byte = 0;
      got_ = read(ends_[0], &byte, 1);
    }};
    tid_ = its_tid.get();
  }
  ~Reader() {
    if (thread_.joinable()) finish();
    close(ends_[0]);
    close(ends_[1]);
  }

  pid_t tid() const { return tid_; }

  /// @return what read() has returned.
  ssize_t finish() {
    CHECK(write(ends_[1], "x", 1) == 1);
    thread_.join();
    return got_;
  }

 private:
  int ends_[2] = {};
  ssize_t got_ = 0;
  pid_t tid_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("stack_of_thread: shows the function that a thread is in, and leaves its call intact") {
  install_stack_signal(SIGUSR2);
  Reader reader{false};
  std::string stack;
  // It has told its number a few instructions before it reads.
  for (int tries = 0; tries < 10'000 && stack.find("read") == std::string::npos; ++tries) {
    stack = stack_of_thread(reader.tid(), 1min);
  }
  INFO(stack);
  CHECK(stack.find("read") != std::string::npos);
  CHECK(stack.find("backtrace") == std::string::npos);
  CHECK(reader.finish() == 1);
}

TEST_CASE("stack_of_thread: says that a thread does not answer, or is gone") {
  install_stack_signal(SIGUSR2);
  Reader reader{true};
  CHECK(stack_of_thread(reader.tid(), 1ms).find("did not answer") != std::string::npos);
  CHECK(stack_of_thread(reader.tid(), 1ms).find("did not answer") != std::string::npos);
  reader.finish();
  CHECK(stack_of_thread(std::numeric_limits<pid_t>::max(), 1ms).find("is gone") !=
        std::string::npos);  // beyond the kernel's largest
  CHECK(stack_of_thread(-1, 1ms) == "(there is no thread -1)");
}

TEST_CASE("install_stack_signal: one signal a process, and none that cannot be had") {
  install_stack_signal(SIGUSR2);
  install_stack_signal(SIGUSR2);
  CHECK_THROWS_WITH_AS(install_stack_signal(SIGUSR1),
                       "stack signal 10: signal 12 is installed already", Error);
}
