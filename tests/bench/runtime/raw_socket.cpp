#include "tests/bench/runtime/raw_socket.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tests/bench/runtime/forked.hpp"
#include "tests/bench/runtime/rounds.hpp"

namespace troupe::bench {
namespace {

constexpr std::size_t block_bytes = 256 * 1024;

// How many of the bytes came before the other side left.
std::uint64_t read_bytes(int socket, void* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(socket, static_cast<char*>(to) + done, size - done);
    if (got == 0) break;
    if (got < 0) throw std::system_error{errno, std::generic_category(), "read"};
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void write_bytes(int socket, const void* from, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t put =
        ::send(socket, static_cast<const char*>(from) + done, size - done, MSG_NOSIGNAL);
    if (put < 0) throw std::system_error{errno, std::generic_category(), "send"};
    done += static_cast<std::size_t>(put);
  }
}

// Told a number of bytes, reads as many and says how many lines it touched; until the other side
// leaves.
void serve(int socket) {
  std::vector<std::byte> block(block_bytes);
  std::uint64_t left = 0;
  while (read_bytes(socket, &left, sizeof left) == sizeof left) {
    std::uint64_t count = 0;
    while (left > 0) {
      const ssize_t got = ::read(socket, block.data(), std::min<std::uint64_t>(left, block.size()));
      if (got <= 0) return;
      const auto size = static_cast<std::size_t>(got);
      if (touch({block.data(), size}) == 0) return;  // they are all ones
      count += size;
      left -= size;
    }
    write_bytes(socket, &count, sizeof count);
  }
}

}  // namespace

RawSocket::RawSocket() : block_(block_bytes, std::byte{1}) {
  std::tie(reader_, socket_) = fork_with_socket(serve);
}

RawSocket::~RawSocket() {
  ::close(socket_);
  ::waitpid(reader_, nullptr, 0);
}

double RawSocket::transfer(std::uint64_t bytes) {
  const auto begin = Steady::now();
  write_bytes(socket_, &bytes, sizeof bytes);
  for (std::uint64_t left = bytes; left > 0;) {
    const std::size_t size = std::min<std::uint64_t>(left, block_.size());
    write_bytes(socket_, block_.data(), size);
    left -= size;
  }
  std::uint64_t count = 0;
  read_bytes(socket_, &count, sizeof count);
  if (count != bytes)
    throw std::runtime_error{"raw socket: expected " + std::to_string(bytes) + " bytes, got " +
                             std::to_string(count)};
  return seconds_since(begin);
}

}  // namespace troupe::bench
