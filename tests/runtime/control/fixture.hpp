#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "runtime/control/control_answer.hpp"
#include "runtime/control/control_server.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::test {

constexpr Duration long_time = std::chrono::minutes{2};  ///< longer than any test may wait

/// One value that crosses from one thread to another.
template <class T>
class Slot {
 public:
  void put(T value) {
    const std::lock_guard lock{mutex_};
    value_ = std::move(value);
    changed_.notify_all();
  }
  T take() {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, long_time, [&] { return value_.has_value(); }));
    T value = std::move(*value_);
    value_.reset();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> value_;
};

/// A client that says what it likes, byte by byte.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    error_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0
                 ? 0
                 : errno;
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int connect_error() const { return error_; }
  /// Returns whether all of it was taken.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_input() { ::shutdown(socket_, SHUT_WR); }

  /// The next line without its end; nothing at the end of the connection.
  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = in_.find('\n');
      if (end != std::string::npos) {
        std::string result = in_.substr(0, end);
        in_.erase(0, end + 1);
        return result;
      }
      pollfd polled{socket_, POLLIN, 0};
      REQUIRE(::poll(&polled, 1, 120'000) == 1);
      char buffer[65536];
      const auto got = ::recv(socket_, buffer, sizeof(buffer), 0);
      if (got <= 0) return std::nullopt;
      in_.append(buffer, static_cast<std::size_t>(got));
    }
  }
  bool has_input() const {
    char byte = 0;
    return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
  }
  std::string ask(std::string_view request) {
    REQUIRE(send(std::string{request} + "\n"));
    const auto answer = line();
    REQUIRE(answer);
    return *answer;
  }

 private:
  int socket_;
  int error_;
  std::string in_;
};

/// The text of the Error that `action` throws.
template <class Action>
std::string error_of(Action action, ErrorCode code) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    const std::string text = error.what();
    CHECK(text.find('\n') == std::string::npos);
    return text;
  }
  FAIL("no Error was thrown");
  return {};
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// A server with commands that a test completes by hand, on a clock that it moves.
struct ControlledNode {
  explicit ControlledNode(runtime::ControlLimits limits = {})
      : server{path(), handlers(), clock, limits} {}

  std::string path() const { return folder.path() + "/a/node.sock"; }

  std::map<std::string, runtime::ControlServer::Handler> handlers() {
    return {{"echo",
             [](const std::string& request, runtime::ControlAnswer answer) { answer.ok(request); }},
            {"throw", [](const std::string&,
                         const runtime::ControlAnswer&) { throw std::runtime_error{"no\nway"}; }},
            {"throw int", [](const std::string&, const runtime::ControlAnswer&) { throw 1; }},
            {"drop", [](const std::string&, const runtime::ControlAnswer&) {}},
            {"keep", [this](const std::string&,
                            const runtime::ControlAnswer& answer) { kept.put(answer); }},
            {"stream", [this](const std::string&, runtime::ControlAnswer answer) {
               answer.stream();
               kept.put(answer);
             }}};
  }

  void advance(Duration by) {
    clock.advance(by);
    server.wake();
  }

  /// Returns once the server has looked at all that was done to its connections before. (The first answer
  /// may come of a look that had begun before.)
  void settle() {
    RawClient client{path()};
    for (int i = 0; i < 2; ++i) CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
  }

  TemporaryFolder folder;
  VirtualClock clock;
  Slot<runtime::ControlAnswer> kept;
  runtime::ControlServer server;
};

}  // namespace troupe::test
