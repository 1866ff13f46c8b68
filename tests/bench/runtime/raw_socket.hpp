#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::bench {

/// What the kernel alone does: a loop that writes and one in another process that reads, over a
/// socket pair as worker processes have them, in blocks of 256 KiB.
class RawSocket {
 public:
  /// Forks: to be made before any thread lives. @throws std::system_error
  RawSocket();
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  /// @return seconds until the other process has read so many bytes and said so.
  double transfer(std::uint64_t bytes);

 private:
  int socket_ = -1;
  pid_t reader_ = -1;
  std::vector<std::byte> block_;
};

}  // namespace troupe::bench
