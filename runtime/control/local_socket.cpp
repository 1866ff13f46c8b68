#include "runtime/control/local_socket.hpp"

#include <sys/socket.h>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "runtime/base/error.hpp"

namespace troupe::runtime {

void throw_errno(const std::string& what, int error) {
  const bool exhausted =
      error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC || error == ENOBUFS;
  throw Error{exhausted ? ErrorCode::exhausted : ErrorCode::bad_input,
              what + ": " + std::generic_category().message(error)};
}

sockaddr_un local_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t limit = sizeof(address.sun_path) - 1;
  if (path.empty() || path.size() > limit || path.find('\0') != std::string::npos)
    throw Error{ErrorCode::bad_input, "control socket " + path + ": expected a path of 1 to " +
                                          std::to_string(limit) + " bytes, got " +
                                          std::to_string(path.size())};
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int connect_to(const FileDescriptor& socket, const sockaddr_un& address) {
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
  return uninterrupted([&] { return ::connect(socket.get(), raw, sizeof(address)); }) == 0 ? 0
                                                                                           : errno;
}

Presence probe(const std::string& path) {
  const FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) throw_errno("control socket " + path, errno);
  switch (const int error = connect_to(socket, local_address(path))) {
    case 0:
    case EAGAIN:  // its queue of connections is full
      return Presence::running;
    case ENOENT:
      return Presence::absent;
    case ECONNREFUSED:
      return Presence::stale;
    default:
      throw_errno("control socket " + path, error);
  }
}

uid_t peer_user(const FileDescriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    throw_errno("control socket: the user at its other end", errno);
  return peer.uid;
}

}  // namespace troupe::runtime
