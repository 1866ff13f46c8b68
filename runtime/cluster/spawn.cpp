#include "runtime/cluster/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/cluster/posix_error.hpp"

// Code that runs in the child: on our memory, beside our other threads. It makes raw system calls only
// (a wrapper may keep books of its own, a sanitizer's even more so) and writes to its stack and to Birth.
#define TROUPE_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

/// The C library's other name for clone(2): ThreadSanitizer takes clone() for a fork, and what it then notes
/// down in the child would be noted down for us.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);

namespace troupe::runtime {
namespace {

constexpr int first_handed = 3;

struct Birth {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const int*
      sources;  ///< like null above where they go, so that none is overwritten before it is moved
  int count;
  int null;  ///< /dev/null
  pid_t parent;
  const char* step = "";  ///< what failed
  int error = 0;
};

/// The kernel's idea of it: the handler comes first, and zeros mean the default.
struct KernelSigaction {
  std::uintptr_t handler = 0;
  std::uintptr_t rest[3] = {};
};

/// One of /proc's directory, as the kernel writes it.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

TROUPE_IN_CHILD long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return ::syscall(number, a, b, c, d);
}

TROUPE_IN_CHILD long address(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

TROUPE_IN_CHILD void leave(Birth& birth, const char* step) {
  birth.error = errno;
  birth.step = step;
  call(SYS_exit_group, 127);
}

/// For kernels before 5.9. The listing goes by number, so that closing on the way skips none.
TROUPE_IN_CHILD bool close_listed(long first) {
  const long listing =
      call(SYS_openat, AT_FDCWD, address("/proc/self/fd"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return false;
  alignas(DirectoryEntry) char buffer[1024];
  long size = 0;
  while ((size = call(SYS_getdents64, listing, address(buffer), sizeof buffer)) > 0) {
    for (long at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->size;
      long number = 0;
      const char* digit = entry->name;
      while (*digit >= '0' && *digit <= '9') number = 10 * number + (*digit++ - '0');
      if (digit != entry->name && number >= first && number != listing) call(SYS_close, number);
    }
  }
  call(SYS_close, listing);
  return size == 0;
}

TROUPE_IN_CHILD void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    KernelSigaction action;
    action.handler =
        reinterpret_cast<std::uintptr_t>(SIG_IGN);  // drops a ^C that came before setsid
    call(SYS_rt_sigaction, signal, address(&action), 0, sizeof(std::uint64_t));
    action.handler = 0;
    call(SYS_rt_sigaction, signal, address(&action), 0, sizeof(std::uint64_t));
  }
}

TROUPE_IN_CHILD int be_born(void* argument) {
  Birth& birth = *static_cast<Birth*>(argument);
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before that: then nobody would ever send it.
  if (call(SYS_getppid) != birth.parent) call(SYS_exit_group, 127);
  call(SYS_setsid);
  reset_signals();
  for (int i = 0; i < birth.count; ++i) {
    if (call(SYS_dup3, birth.sources[i], first_handed + i) < 0) leave(birth, "dup3");
  }
  if (call(SYS_dup3, birth.null, STDIN_FILENO) < 0) leave(birth, "dup3");
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    // A number that is free would be the next file's, and get what is printed.
    if (call(SYS_fcntl, output, F_SETFD, 0) < 0) call(SYS_dup3, birth.null, output);
  }
  const long first_unwanted = first_handed + birth.count;
  if (call(SYS_close_range, first_unwanted, ~0U, 0) < 0 && !close_listed(first_unwanted)) {
    leave(birth, "close_range");
  }
  const std::uint64_t no_signal = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, address(&no_signal), 0, sizeof no_signal);
  call(SYS_execve, address(birth.path), address(birth.arguments), address(birth.environment));
  leave(birth, "execve");
  return 127;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

ChildProcess spawn(const std::string& path, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, std::span<const int> descriptors) {
  const auto fail = [&path](const char* step, int error) {
    throw posix_error("worker " + path + ": " + step, error);
  };
  const int count = static_cast<int>(descriptors.size());
  const auto moved_up = [&](int descriptor) {
    FileDescriptor copy{::fcntl(descriptor, F_DUPFD_CLOEXEC, first_handed + count)};
    if (!copy) fail("descriptors", errno);
    return copy;
  };
  const FileDescriptor opened{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (!opened) fail("/dev/null", errno);
  const FileDescriptor null = moved_up(opened.get());
  std::vector<FileDescriptor> moved;
  std::vector<int> sources;
  for (const int descriptor : descriptors) {
    moved.push_back(moved_up(descriptor));
    sources.push_back(moved.back().get());
  }
  const std::vector<char*> argument_list = pointers(arguments);
  const std::vector<char*> environment_list = pointers(environment);
  Birth birth{path.c_str(),
              argument_list.data(),
              environment_list.data(),
              sources.data(),
              count,
              null.get(),
              ::getpid()};
  std::vector<std::byte> stack(std::size_t{64} << 10);
  // As fork and exec, but the memory is shared until then, and with it the reason of a failure.
  const int pid = ::__clone(be_born, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD,
                            static_cast<void*>(&birth));
  if (pid < 0) fail("clone", errno);
  if (birth.error != 0) {
    siginfo_t end{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED) != 0 && errno == EINTR) continue;
    fail(birth.step, birth.error);
  }
  return {pid, FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}};
}

}  // namespace troupe::runtime
