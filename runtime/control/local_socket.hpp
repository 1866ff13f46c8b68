#pragma once

#include <sys/un.h>

#include <string>

#include "runtime/base/file_descriptor.hpp"

namespace troupe::runtime {

/// Throws what errno value `error` means for `what`, one line.
[[noreturn]] void throw_errno(const std::string& what, int error);

/// @throws Error bad_input if `path` is longer than a UNIX socket's may be, 107 bytes.
sockaddr_un local_address(const std::string& path);

/// Connects; 0, or the errno value of the failure. A blocking `socket` waits for as long as its
/// SO_SNDTIMEO, and then fails with EAGAIN.
int connect_to(const FileDescriptor& socket, const sockaddr_un& address);

/// Who answers at a socket's path, found by connecting.
enum class Presence { absent, stale, running };
/// @throws Error bad_input if that cannot be told: no permission, or something else than a stream socket.
Presence probe(const std::string& path);

/// The user at the other end of a connected UNIX socket; of a client's, whoever called listen().
uid_t peer_user(const FileDescriptor& socket);

}  // namespace troupe::runtime
