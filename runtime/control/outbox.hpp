#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/control/local_socket.hpp"

namespace troupe::runtime {

/// Wakes a thread that polls its descriptor. Any thread may ring.
class Bell {
 public:
  Bell();
  int descriptor() const { return event_.get(); }
  void ring() const;
  void silence() const;

 private:
  FileDescriptor event_;
};

/// What one connection has yet to send, and the request that it waits for: at most one at a time. Shared
/// by the server's thread and by whoever answers; every call is thread-safe, and none blocks.
class Outbox {
 public:
  /// Rings `bell` when there is something to do for the server. Keeps at most `limit_bytes`.
  Outbox(std::shared_ptr<const Bell> bell, std::size_t limit_bytes);

  /// A new request, known by the number that is returned.
  std::uint64_t open();
  bool is_open(std::uint64_t request) const;
  /// These do nothing if `request` is not the open one.
  void make_stream(std::uint64_t request);
  void add(std::uint64_t request, const std::string& line);
  void finish(std::uint64_t request, const std::string& line);

  /// Ends the open request, if there is one, with the server's own words.
  void finish_open(const std::string& line);
  /// The server's own words, upon no request.
  void say(const std::string& line);
  /// Nothing that is said from here on counts.
  void close();

  struct View {
    bool open;        ///< a request waits for its answer …
    bool stream;      ///< … which comes as a stream
    bool unsent;      ///< there are bytes to send
    bool overflowed;  ///< there were more than the limit; they have been dropped
  };
  View view() const;

  struct Sent {
    std::size_t bytes;
    bool left;    ///< the socket took less than there is
    bool broken;  ///< the other side is gone
  };
  /// Passes on what the socket takes without waiting.
  Sent send(const FileDescriptor& socket);

 private:
  void append(const std::string& line);

  const std::shared_ptr<const Bell> bell_;
  const std::size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::string bytes_;  // of which the first sent_ are sent
  std::size_t sent_ = 0;
  std::uint64_t last_request_ = 0;
  bool open_ = false;
  bool stream_ = false;
  bool overflowed_ = false;
};

}  // namespace troupe::runtime
