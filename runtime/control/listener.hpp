#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/control/local_socket.hpp"

namespace troupe::runtime {

/// A file in the file system, removed at the end if its path still names it.
class OwnedFile {
 public:
  OwnedFile() = default;
  explicit OwnedFile(std::string path);
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;
  ~OwnedFile();

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A UNIX stream socket that listens where only its user can reach it: in a folder of that user's, mode
/// 0700 if it is made here, with mode 0600 from its first moment on. A lock file beside it (PATH.lock),
/// which ends with its process, makes the path this process's alone; both are removed at the end.
class Listener {
 public:
  /// @throws Error bad_input if a running node has the path, if the folder is another user's or writable
  /// by others, or if something that is no socket is in the way; nothing is left behind then.
  explicit Listener(const std::string& path);
  int descriptor() const { return socket_.get(); }

 private:
  FileDescriptor lock_;
  OwnedFile lock_file_;
  FileDescriptor socket_;
  OwnedFile socket_file_;
};

}  // namespace troupe::runtime
