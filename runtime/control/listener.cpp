#include "runtime/control/listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error{ErrorCode::bad_input, message};
}

[[noreturn]] void refuse_in_use(const std::string& path) {
  refuse("control socket " + path + " is in use by a running node");
}

void prepare_folder(const std::string& socket_path) {
  std::string folder = std::filesystem::path{socket_path}.parent_path().string();
  if (folder.empty()) folder = ".";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw_errno("control folder " + folder, errno);
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) throw_errno("control folder " + folder, errno);
  if (!S_ISDIR(status.st_mode))
    refuse("control folder " + folder + ": expected a folder, got something else");
  if (status.st_uid != ::geteuid())
    refuse("control folder " + folder + ": expected it to belong to user " +
           std::to_string(::geteuid()) + ", got " + std::to_string(status.st_uid));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse("control folder " + folder + ": expected it to be writable by its user only");
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// A node that ends removes its lock file, so a lock counts only if the path still names the file.
FileDescriptor take_lock(const std::string& path, const std::string& socket_path) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    FileDescriptor file{uninterrupted([&] {
      return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    })};
    if (!file) throw_errno("control lock " + path, errno);
    if (uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno == EWOULDBLOCK) refuse_in_use(socket_path);
      throw_errno("control lock " + path, errno);
    }
    struct stat locked {
    }, named{};
    if (::fstat(file.get(), &locked) != 0) throw_errno("control lock " + path, errno);
    if (::lstat(path.c_str(), &named) == 0 && same_file(locked, named)) return file;
  }
  refuse_in_use(socket_path);
}

/// Whoever held the lock is gone, so a socket that is left is nobody's, unless its lock file was removed.
void remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw_errno("control socket " + path, errno);
  }
  if (!S_ISSOCK(status.st_mode))
    refuse("control socket " + path + ": expected nothing or a socket there, got something else");
  if (probe(path) == Presence::running) refuse_in_use(path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("control socket " + path, errno);
}

FileDescriptor make_socket(const std::string& path) {
  FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  // Linux gives the file that bind() makes the socket's own mode, so the umask, which is the whole
  // process's, need not be touched.
  if (!socket || ::fchmod(socket.get(), 0600) != 0) throw_errno("control socket " + path, errno);
  return socket;
}

void bind_to(const FileDescriptor& socket, const std::string& path) {
  const sockaddr_un address = local_address(path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw_errno("control socket " + path, errno);
}

}  // namespace

OwnedFile::OwnedFile(std::string path) : path_{std::move(path)} {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) throw_errno(path_, errno);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

OwnedFile::~OwnedFile() {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

Listener::Listener(const std::string& path)
    : lock_{(local_address(path), prepare_folder(path), take_lock(path + ".lock", path))},
      lock_file_{path + ".lock"},
      socket_{(remove_stale(path), make_socket(path))},
      socket_file_{(bind_to(socket_, path), path)} {
  constexpr int waiting = 64;
  if (::listen(socket_.get(), waiting) != 0) throw_errno("control socket " + path, errno);
}

}  // namespace troupe::runtime
