// What the tests of worker processes start: as a worker, or (middle, exit) as a process like any other.
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/cluster/worker_bootstrap.hpp"
#include "runtime/cluster/worker_launcher.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) std::_Exit(99);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void wait_for_end(int socket) {
  char byte = 0;
  while (::read(socket, &byte, 1) > 0) continue;
}

std::string open_descriptors() {
  std::vector<int> numbers;
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) std::_Exit(99);
  while (const dirent* const entry = ::readdir(folder)) {
    int number = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, number).ptr == end && number != ::dirfd(folder)) {
      numbers.push_back(number);
    }
  }
  ::closedir(folder);
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (const int number : numbers) text += std::to_string(number) + ' ';
  return text;
}

/// The lines of /proc/self/status that say which signals are blocked and ignored.
std::string signal_state() {
  std::ifstream status{"/proc/self/status"};
  std::string line, text;
  while (std::getline(status, line)) {
    if (line.starts_with("SigBlk") || line.starts_with("SigIgn")) text += line.substr(8) + ' ';
  }
  return text;
}

/// Answers ENOSYS to what came with Linux 5.1 to 5.9, here and in all that this process starts.
void pretend_old_kernel() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(filter)), filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::_Exit(77);
  }
}

/// Launches one worker, passes on what it says, and waits for SIGKILL.
int middle(const std::string& mode) {
  WorkerLauncher launcher;
  WorkerEvents events;
  std::promise<Worker> started;
  events.started = [&started](Worker worker) { started.set_value(std::move(worker)); };
  launcher.launch({{"", mode}}, events);
  const Worker worker = started.get_future().get();
  for (;;) ::pause();
}

/// Launches workers where the kernel offers little, and prints what became of them.
int old_kernel() {
  pretend_old_kernel();
  WorkerLauncher launcher;
  for (const std::string mode : {"descriptors", "sleep"}) {
    std::promise<Worker> started;
    std::promise<Exit> ended;
    WorkerEvents events;
    events.started = [&started](Worker worker) { started.set_value(std::move(worker)); };
    events.ended = [&ended](const Exit& exit) { ended.set_value(exit); };
    const WorkerId id = launcher.launch({{"", mode}}, events);
    const Worker worker = started.get_future().get();
    std::string said(64, '\0');
    const ssize_t got = ::read(worker.socket.get(), said.data(), said.size());
    said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (mode == "sleep") launcher.kill(id, SIGKILL);
    const Exit exit = ended.get_future().get();
    write_all(STDOUT_FILENO,
              said + "| " + std::string{to_string(exit.kind)} + ' ' + exit.reason + '\n');
  }
  return 0;
}

int work(WorkerStart start) {
  const int socket = start.socket.get();
  const std::string mode = start.arguments.empty() ? "" : start.arguments.front();
  if (mode == "echo") {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::read(socket, buffer, sizeof buffer)) > 0) {
      write_all(socket, {buffer, static_cast<std::size_t>(size)});
    }
    return 0;
  }
  if (mode == "exit") return std::atoi(start.arguments.at(1).c_str());
  if (mode == "crash") {
    ::prctl(PR_SET_DUMPABLE, 0);
    std::signal(SIGSEGV, SIG_DFL);
    ::kill(::getpid(), SIGSEGV);
  }
  if (mode == "sleep" || mode == "crash") {
    write_all(socket, "ready");
    for (;;) ::pause();
  }
  if (mode == "say") {
    write_all(STDOUT_FILENO, "ready\n");
    for (;;) ::pause();
  }
  if (mode == "descriptors") write_all(socket, open_descriptors());
  if (mode == "signals") write_all(socket, signal_state());
  if (mode == "session") write_all(socket, ::getsid(0) == ::getpid() ? "own" : "inherited");
  if (mode == "variable") {
    const char* const value = std::getenv(start.arguments.at(1).c_str());
    write_all(socket, value == nullptr ? "none" : value);
  }
  if (mode == "memory") {
    const std::byte* const given = start.memories.at("given").bytes().data();
    auto* const counter =
        reinterpret_cast<std::uint64_t*>(start.memories.at("counter").writable_bytes().data());
    std::atomic_ref{*counter}.fetch_add(static_cast<std::uint64_t>(*given));
    write_all(socket, "done");
    wait_for_end(socket);
    return 0;
  }
  if (mode == "overwrite") {  // its memory "given" is mapped read-only
    try {
      start.memories.at("given").writable_bytes();
    } catch (const Error& error) {
      write_all(socket, error.what());
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::optional<WorkerStart> start = find_worker_start(argc, argv);
    if (start) return work(std::move(*start));
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 2 && arguments[0] == "exit") return std::stoi(arguments[1]);
    if (arguments.size() == 2 && arguments[0] == "middle") return middle(arguments[1]);
    if (arguments.size() == 1 && arguments[0] == "old_kernel") return old_kernel();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 2;
}
