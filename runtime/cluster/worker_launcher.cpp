#include "runtime/cluster/worker_launcher.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/cluster/posix_error.hpp"
#include "runtime/cluster/process_exit.hpp"

namespace troupe::runtime {
namespace {

constexpr std::size_t most_waiting = 1024;
constexpr Duration reap_within = std::chrono::seconds{5};
constexpr auto look_each =
    std::chrono::milliseconds{100};  // for stops, which a pidfd does not tell
constexpr auto look_each_unpolled = std::chrono::milliseconds{5};  // for ends, without a pidfd

std::string in_quotes(std::string_view text) {
  return "'" + std::string{text.substr(0, 200)} + "'";
}

void check_texts(const WorkerCommand& command) {
  for (const auto* const texts : {&command.argv, &command.extra_environment}) {
    for (const std::string& text : *texts) {
      if (text.find('\0') != std::string::npos) {
        throw Error{ErrorCode::bad_input, "worker: argument or variable " +
                                              in_quotes(text.c_str()) +
                                              " goes on after a zero byte"};
      }
    }
  }
  for (const std::string& variable : command.extra_environment) {
    const std::size_t end = variable.find('=');
    if (end == 0 || end == std::string::npos) {
      throw Error{ErrorCode::bad_input,
                  "worker: extra_environment: expected NAME=value, got " + in_quotes(variable)};
    }
  }
}

/// Ours, less the names that `extra` sets, and `extra`.
std::vector<std::string> environment_with(const std::vector<std::string>& extra) {
  std::vector<std::string> result = extra;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool set = std::any_of(extra.begin(), extra.end(), [name](const std::string& other) {
      return !name.empty() && other.starts_with(name);
    });
    if (!set) result.emplace_back(text);
  }
  return result;
}

/// As /proc/self/exe it is found even when its file has been replaced or removed.
constexpr const char* this_program = "/proc/self/exe";

std::string name_of_this_program() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink(this_program, error);
  return error ? this_program : path.string();
}

std::string seconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>{duration}.count());
  return text;
}

template <class Event, class... Arguments>
void report(const Event& event, Arguments&&... arguments) {
  if (event) event(std::forward<Arguments>(arguments)...);
}

}  // namespace

WorkerLauncher::WorkerLauncher(Duration stopped_limit)
    : stopped_limit_{stopped_limit}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!wake_) throw posix_error("worker launcher: eventfd", errno);
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw posix_error("worker launcher: thread", error.code().value());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WorkerLauncher::~WorkerLauncher() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake();
  thread_.join();
}

WorkerId WorkerLauncher::launch(WorkerCommand command, WorkerEvents events) {
  check_texts(command);
  Launch launch;
  launch.argv = std::move(command.argv);
  if (launch.argv.empty()) launch.argv.emplace_back();
  launch.path = launch.argv.front();
  if (launch.path.empty()) {
    launch.path = this_program;
    launch.argv.front() = name_of_this_program();
  }
  launch.argv.insert(launch.argv.begin() + 1, worker_argument(command.memories));
  launch.environment = environment_with(command.extra_environment);
  launch.memories = std::move(command.memories);
  launch.events = std::move(events);
  WorkerId id = 0;
  {
    const std::lock_guard lock{mutex_};
    if (queue_.size() >= most_waiting) {
      throw Error{ErrorCode::exhausted, "worker " + launch.path + ": expected at most " +
                                            std::to_string(most_waiting) + " launches that wait"};
    }
    id = launch.id = ++last_id_;
    queue_.push_back(std::move(launch));
  }
  wake();
  return id;
}

bool WorkerLauncher::kill(WorkerId id, int signal) {
  const std::lock_guard lock{mutex_};
  const auto worker = workers_.find(id);
  return worker != workers_.end() && send(worker->second, signal);
}

/// With the lock held, under which workers are reaped too: until then a pid is nobody else's.
bool WorkerLauncher::send(Watched& worker, int signal) {
  if (worker.exit) return false;
  if (signal == SIGKILL) worker.killed = true;
  const FileDescriptor& pidfd = worker.process.pidfd;
  return pidfd ? ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0
               : ::kill(worker.process.pid, signal) == 0;
}

void WorkerLauncher::wake() {
  const std::uint64_t one = 1;
  // It can only fail when the counter is full: then a wake-up is under way.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void WorkerLauncher::run() {
  while (start_queued()) {
    wait();
    look(clock_.now());
  }
  end_all();
}

bool WorkerLauncher::start_queued() {
  std::deque<Launch> due;
  {
    const std::lock_guard lock{mutex_};
    if (ending_) return false;
    due.swap(queue_);
  }
  for (Launch& launch : due) start(launch);
  return true;
}

void WorkerLauncher::start(Launch& launch) {
  Worker worker;
  worker.id = launch.id;
  Watched* watched = nullptr;
  try {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
      throw posix_error("worker " + launch.path + ": socketpair", errno);
    }
    worker.socket = FileDescriptor{pair[0]};
    const FileDescriptor theirs{pair[1]};
    std::vector<int> descriptors{theirs.get()};
    for (const InheritedMemory& inherited : launch.memories) {
      descriptors.push_back(inherited.memory->descriptor());
    }
    ChildProcess process = spawn(launch.path, launch.argv, launch.environment, descriptors);
    worker.pid = process.pid;
    const std::lock_guard lock{mutex_};
    watched = &workers_[launch.id];
    watched->process = std::move(process);
    watched->events = std::move(launch.events);
  } catch (const Error& error) {
    report(launch.events.failed, error);
    return;
  }
  report(watched->events.started, std::move(worker));
}

void WorkerLauncher::wait() {
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  std::vector<Watched*> workers;
  bool unpolled = false;
  Duration timeout = look_each;
  {
    const std::lock_guard lock{mutex_};
    if (!queue_.empty()) return;
    for (auto& [id, worker] : workers_) {
      if (!worker.process.pidfd) unpolled = true;
      if (!worker.process.pidfd || !worker.polled) continue;
      polled.push_back({worker.process.pidfd.get(), POLLIN, 0});
      workers.push_back(&worker);
    }
    if (unpolled) timeout = look_each_unpolled;
    if (workers_.empty()) timeout = Duration{-1};
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  if (::poll(polled.data(), polled.size(),
             timeout < Duration{0} ? -1 : static_cast<int>(milliseconds)) <= 0) {
    return;
  }
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  for (std::size_t i = 0; i < workers.size(); ++i) {
    // A debugger may hold back one that has ended: look at it in time, but do not spin on its pidfd.
    if (polled[i + 1].revents != 0) workers[i]->polled = false;
  }
}

void WorkerLauncher::look(TimePoint now) {
  for (auto next = workers_.begin(); next != workers_.end();) {
    const auto current = next++;
    Watched& worker = current->second;
    observe(worker, now);
    if (!worker.exit) continue;
    std::unique_lock lock{mutex_};
    const auto gone = workers_.extract(current);
    lock.unlock();
    report(gone.mapped().events.ended, *gone.mapped().exit);
  }
}

/// Takes what the system has to say of it.
void WorkerLauncher::observe(Watched& worker, TimePoint now) {
  for (int reports = 0; reports < 3; ++reports) {  // a stop, a continuation and the end may wait
    siginfo_t info{};
    {
      const std::lock_guard lock{mutex_};
      const int result = ::waitid(P_PID, static_cast<id_t>(worker.process.pid), &info,
                                  WEXITED | WSTOPPED | WCONTINUED | WNOHANG);
      if (result != 0) {
        worker.exit = Exit{ExitKind::lost, "its exit status was taken by somebody else"};
        return;
      }
      if (info.si_pid == 0) break;
      if (info.si_code != CLD_STOPPED && info.si_code != CLD_CONTINUED) {
        worker.exit = exit_of(info, worker.killed);
        if (worker.exit->kind == ExitKind::killed && !worker.why.empty()) {
          worker.exit->reason = worker.why;
        }
        return;
      }
    }
    if (info.si_code == CLD_STOPPED) {
      worker.stop_signal = signal_name(info.si_status);
      worker.stopped_since = now;
      report(worker.events.stopped, worker.stop_signal);
    } else if (worker.stopped_since) {
      worker.stopped_since.reset();
      report(worker.events.continued);
    }
  }
  check_stop(worker, now);
}

void WorkerLauncher::check_stop(Watched& worker, TimePoint now) {
  if (!worker.stopped_since || now - *worker.stopped_since < stopped_limit_) return;
  const std::lock_guard lock{mutex_};
  if (!worker.killed) {
    worker.why =
        worker.stop_signal + ": stopped for " + seconds_text(stopped_limit_) + ", then killed";
  }
  worker.stopped_since.reset();
  send(worker, SIGKILL);
}

void WorkerLauncher::end_all() {
  {
    const std::lock_guard lock{mutex_};
    for (auto& [id, worker] : workers_) send(worker, SIGKILL);
  }
  const TimePoint deadline = clock_.now() + reap_within;
  fail_queued();
  while (!workers_.empty() && clock_.now() < deadline) {
    wait();
    look(clock_.now());
    fail_queued();  // what was launched when another one ended
  }
  for (auto& [id, worker] : workers_) {
    report(worker.events.ended,
           Exit{ExitKind::lost, "not reaped " + seconds_text(reap_within) + " after SIGKILL"});
  }
  fail_queued();
}

void WorkerLauncher::fail_queued() {
  std::deque<Launch> due;
  {
    const std::lock_guard lock{mutex_};
    due.swap(queue_);
  }
  for (Launch& launch : due) {
    report(launch.events.failed,
           Error{ErrorCode::disconnected, "worker " + launch.path + ": its launcher has ended"});
  }
}

}  // namespace troupe::runtime
