#include "actors/report/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/base/file_descriptor.hpp"

namespace troupe::actors {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error{ErrorCode::bad_input, path + ": lock: " + std::generic_category().message(error)};
}

FileDescriptor open_lock(const std::string& path) {
  FileDescriptor fd{uninterrupted(
      [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666); })};
  if (!fd) fail(path, errno);
  return fd;
}

/// The number that the holder wrote; empty if it did not get to it.
std::string holder(const std::string& path) {
  const FileDescriptor fd = open_lock(path);
  std::array<char, 20> text{};
  const ssize_t got = uninterrupted([&] { return ::pread(fd.get(), text.data(), text.size(), 0); });
  std::string digits;
  for (ssize_t i = 0; i < got && text[static_cast<std::size_t>(i)] >= '0' &&
                      text[static_cast<std::size_t>(i)] <= '9';
       ++i) {
    digits += text[static_cast<std::size_t>(i)];
  }
  return digits;
}

}  // namespace

FileLock try_lock_file(const std::string& path) {
  FileDescriptor fd = open_lock(path);
  if (uninterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) fail(path, errno);
    return {};
  }
  // Only to tell others: if it cannot be written, the lock holds all the same.
  const std::string self = std::to_string(::getpid()) + '\n';
  if (::ftruncate(fd.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd.get(), self.data(), self.size(), 0);
  }
  return std::make_shared<FileDescriptor>(std::move(fd));
}

FileLock lock_file(const std::string& path) {
  if (FileLock lock = try_lock_file(path)) return lock;
  const std::string process = holder(path);
  throw Error{ErrorCode::bad_input, path +
                                        ": expected a run that no other process writes; process " +
                                        (process.empty() ? "(unknown)" : process) + " does"};
}

}  // namespace troupe::actors
