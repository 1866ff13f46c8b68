#include "runtime/actor/thread_stack.hpp"

#include <cxxabi.h>
#include <execinfo.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <string_view>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

// A signal's handler belongs to the whole process, and so does what it writes to.
constexpr int most_frames = 64;
constexpr int own_frames = 2;  // the handler and the kernel's return from it
constexpr pid_t nobody = 0;
constexpr pid_t answering = -1;

std::mutex one_at_a_time;  // guards installed, and makes one asker
int installed = 0;         // the signal; 0: none
// Whose answer is awaited. The thread takes it before it writes, the asker takes it back in the end, so a late
// signal finds that nobody asks.
std::atomic<pid_t> asked = nobody;
std::array<void*, most_frames> frames;
int frame_count = 0;
sem_t answered;

// Async-signal-safe, once backtrace() has been called before.
void answer(int) {
  const int error = errno;
  pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  if (asked.compare_exchange_strong(self, answering)) {
    frame_count = backtrace(frames.data(), most_frames);
    asked.store(nobody);
    sem_post(&answered);
  }
  errno = error;
}

bool wait_for_answer(Duration wait) {
  const Duration until = std::chrono::steady_clock::now().time_since_epoch() + wait;
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(until);
  timespec at{};
  at.tv_sec = static_cast<std::time_t>(whole.count());
  at.tv_nsec = static_cast<long>((until - whole).count());
  int result = 0;
  do {
    result = sem_clockwait(&answered, CLOCK_MONOTONIC, &at);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

// "/lib/libx.so(_ZN1a1bEv+0x12) [0x7f…]" -> "a::b()"; without a name the whole, less the address.
std::string readable(std::string_view symbol) {
  const std::size_t open = symbol.find('(');
  const std::size_t plus = symbol.find('+', open);
  if (open == std::string_view::npos || plus == std::string_view::npos || plus == open + 1) {
    return std::string{symbol.substr(0, symbol.find(" ["))};
  }
  std::string name{symbol.substr(open + 1, plus - open - 1)};
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled{
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free};
  return demangled ? std::string{demangled.get()} : name;
}

}  // namespace

void install_stack_signal(int signo) {
  const std::scoped_lock lock{one_at_a_time};
  if (installed == signo && signo != 0) return;
  const auto refuse = [&](const std::string& why) {
    throw Error{ErrorCode::bad_input, "stack signal " + std::to_string(signo) + ": " + why};
  };
  if (installed != 0) refuse("signal " + std::to_string(installed) + " is installed already");
  struct sigaction before {};
  if (sigaction(signo, nullptr, &before) != 0) refuse(std::strerror(errno));
  if (before.sa_handler != SIG_DFL) refuse("the program has a handler for it");
  backtrace(frames.data(), most_frames);  // loads what it needs, which a handler may not
  sem_init(&answered, 0, 0);
  struct sigaction action {};
  action.sa_handler = answer;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(signo, &action, nullptr) != 0) refuse(std::strerror(errno));
  installed = signo;
}

std::string stack_of_thread(pid_t tid, Duration wait) {
  const std::scoped_lock lock{one_at_a_time};
  if (installed == 0) return {};
  if (tid <= 0) return "(there is no thread " + std::to_string(tid) + ")";
  pid_t before = nobody;
  if (!asked.compare_exchange_strong(before, tid)) return "(the last thread still answers)";
  while (sem_trywait(&answered) == 0) {  // an answer that came after its asker had left
  }
  if (syscall(SYS_tgkill, getpid(), tid, installed) != 0) {
    asked = nobody;
    return "(thread " + std::to_string(tid) + " is gone)";
  }
  if (!wait_for_answer(wait)) {
    pid_t still = tid;
    if (asked.compare_exchange_strong(still, nobody)) {
      return "(thread " + std::to_string(tid) + " did not answer: it may block the signal)";
    }
    if (!wait_for_answer(wait))
      return "(thread " + std::to_string(tid) + " does not come to an end of answering)";
  }
  const std::unique_ptr<char*, decltype(&std::free)> symbols{
      backtrace_symbols(frames.data(), frame_count), &std::free};
  if (!symbols) return "(no memory for the names of its functions)";
  std::string stack;
  for (int i = own_frames; i < frame_count; ++i) {
    if (!stack.empty()) stack += '\n';
    stack += readable(symbols.get()[i]);
  }
  return stack;
}

}  // namespace troupe::runtime
