#pragma once

#include <sys/un.h>

#include <cerrno>
#include <string>
#include <utility>

namespace troupe::runtime {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_{value} {}
  Descriptor(Descriptor&& other) noexcept : value_{std::exchange(other.value_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();
  int get() const { return value_; }
  explicit operator bool() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

/// Repeats a system call for as long as signals interrupt it.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

/// Throws what errno value `error` means for `what`, one line.
[[noreturn]] void throw_errno(const std::string& what, int error);

/// @throws Error bad_input if `path` is longer than a UNIX socket's may be, 107 bytes.
sockaddr_un local_address(const std::string& path);

/// Connects; 0, or the errno value of the failure. A blocking `socket` waits for as long as its
/// SO_SNDTIMEO, and then fails with EAGAIN.
int connect_to(const Descriptor& socket, const sockaddr_un& address);

/// Who answers at a socket's path, found by connecting.
enum class Presence { absent, stale, running };
/// @throws Error bad_input if that cannot be told: no permission, or something else than a stream socket.
Presence probe(const std::string& path);

/// The user at the other end of a connected UNIX socket; of a client's, whoever called listen().
uid_t peer_user(const Descriptor& socket);

}  // namespace troupe::runtime
