#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/file_descriptor.hpp"

namespace troupe {
namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::exhausted;
    case EIO:
      return ErrorCode::corrupted;
    default:
      return ErrorCode::bad_input;
  }
}

[[noreturn]] void fail(const std::string& path, const char* operation, int error) {
  throw Error{code_of(error),
              path + ": " + operation + ": " + std::generic_category().message(error)};
}

FileDescriptor open_or_fail(const std::string& path, int flags, const char* operation) {
  const int fd = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
  if (fd < 0) fail(path, operation, errno);
  return FileDescriptor{fd};
}

struct Readable {
  FileDescriptor fd;
  std::uint64_t size_bytes;
};

/// Refuses pipes and devices, which have no size and might never end.
Readable open_to_read(const std::string& path, const char* operation) {
  FileDescriptor fd = open_or_fail(path, O_RDONLY | O_NONBLOCK, operation);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(path, operation, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error{ErrorCode::bad_input, path + ": " + operation + ": expected a regular file"};
  }
  return {std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

void sync_or_fail(int fd, const std::string& path, const char* operation) {
  if (uninterrupted([fd] { return ::fsync(fd); }) != 0) fail(path, operation, errno);
}

class PosixOutputFile final : public OutputFile {
 public:
  PosixOutputFile(FileDescriptor fd, std::string path)
      : fd_{std::move(fd)}, path_{std::move(path)} {}

  void write(std::span<const std::byte> bytes) override {
    constexpr std::size_t most = std::size_t{1} << 30;  // the kernel takes less than 2 GiB a call
    while (!bytes.empty()) {
      const ssize_t written = uninterrupted(
          [&] { return ::write(fd_.get(), bytes.data(), std::min(bytes.size(), most)); });
      if (written < 0) fail(path_, "write", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void sync() override { sync_or_fail(fd_.get(), path_, "sync"); }

 private:
  FileDescriptor fd_;
  std::string path_;
};

class PosixFiles final : public FileSystem {
 public:
  std::unique_ptr<OutputFile> create(const std::string& path) override {
    return std::make_unique<PosixOutputFile>(
        open_or_fail(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, "create"), path);
  }

  std::unique_ptr<OutputFile> append(const std::string& path) override {
    return std::make_unique<PosixOutputFile>(
        open_or_fail(path, O_WRONLY | O_CREAT | O_APPEND, "append"), path);
  }

  FileBytes read(const std::string& path, std::uint64_t limit_bytes) override {
    const Readable file = open_to_read(path, "read");
    const std::uint64_t size = file.size_bytes;
    if (size > limit_bytes) {
      throw Error{ErrorCode::exhausted, path + ": read: expected at most " +
                                            std::to_string(limit_bytes) + " bytes, got " +
                                            std::to_string(size)};
    }
    const std::shared_ptr<std::byte> block = aligned_block(size);
    const std::span<std::byte> bytes{block.get(), size};
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = uninterrupted(
          [&] { return ::read(file.fd.get(), bytes.data() + have, bytes.size() - have); });
      if (got < 0) fail(path, "read", errno);
      if (got == 0) break;  // it shrank meanwhile
      have += static_cast<std::size_t>(got);
    }
    return {block, bytes.first(have)};
  }

  FileBytes map(const std::string& path) override {
    const Readable file = open_to_read(path, "map");
    const std::uint64_t size = file.size_bytes;
    if (size == 0) return {};
    void* const pages = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
    if (pages == MAP_FAILED) fail(path, "map", errno);
    std::shared_ptr<const void> owner{
        pages, [size](const void* p) { ::munmap(const_cast<void*>(p), size); }};
    return {std::move(owner), {static_cast<const std::byte*>(pages), size}};
  }

  PathKind kind(const std::string& path) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return PathKind::none;
      fail(path, "look up", errno);
    }
    if (S_ISREG(status.st_mode)) return PathKind::file;
    return S_ISDIR(status.st_mode) ? PathKind::folder : PathKind::other;
  }

  std::uint64_t size_bytes(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail(path, "look up", errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::vector<std::string> list(const std::string& folder) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries{::opendir(folder.c_str()), ::closedir};
    if (!entries) fail(folder, "list", errno);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(entries.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) fail(folder, "list", errno);
    std::ranges::sort(names);
    return names;
  }

  void create_folder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) != 0) fail(path, "create folder", errno);
  }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail(from + " -> " + to, "rename", errno);
  }
  void remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) fail(path, "remove", errno);
  }
  void truncate(const std::string& path, std::uint64_t size_bytes) override {
    if (uninterrupted([&] { return ::truncate(path.c_str(), static_cast<off_t>(size_bytes)); }) !=
        0) {
      fail(path, "truncate", errno);
    }
  }
  void sync(const std::string& path) override {
    sync_or_fail(open_or_fail(path, O_WRONLY, "sync").get(), path, "sync");
  }
  void sync_folder(const std::string& path) override {
    sync_or_fail(open_or_fail(path, O_RDONLY | O_DIRECTORY, "sync folder").get(), path,
                 "sync folder");
  }
};

}  // namespace

FileSystem& posix_files() {
  static PosixFiles files;
  return files;
}

}  // namespace troupe
