#include "runtime/control/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/control/control_path.hpp"
#include "runtime/control/local_socket.hpp"
#include "runtime/control/printable.hpp"
#include "runtime/control/protocol.hpp"

namespace troupe::runtime {
namespace {

using Kind = AnswerLine::Kind;

TimePoint deadline_of(Duration within) {
  return later(SteadyClock{}.now(), within);
}

[[noreturn]] void throw_not_running(const std::string& path) {
  const std::filesystem::path socket{path};
  std::string others;
  for (const std::string& name : running_nodes(socket.parent_path().string()))
    others += (others.empty() ? "" : ", ") + name;
  throw Error{ErrorCode::disconnected, "no node named \"" + socket.stem().string() +
                                           "\" is running; " +
                                           (others.empty() ? "none is" : "running: " + others)};
}

[[noreturn]] void throw_denied(const std::string& path) {
  throw Error{ErrorCode::bad_input,
              "control socket " + path + ": permission denied: it belongs to another user"};
}

/// connect() waits while the node's queue is full, for as long as this says.
void limit_connect(const FileDescriptor& socket, Duration within) {
  using std::chrono::microseconds;
  const auto all = std::clamp<Duration>(within, microseconds{1}, std::chrono::hours{24});
  const auto count = std::chrono::ceil<microseconds>(all).count();
  const timeval time{count / 1'000'000, count % 1'000'000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

}  // namespace

class ControlClient::Connection {
 public:
  Connection(const std::string& path, Duration within)
      : path_{path}, socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    if (!socket_) throw_errno("control socket " + path, errno);
    limit_connect(socket_, within);
    switch (const int error = connect_to(socket_, local_address(path))) {
      case 0:
        break;
      case ENOENT:
      case ECONNREFUSED:
        throw_not_running(path);
      case EACCES:
      case EPERM:
        throw_denied(path);
      case EAGAIN:
        throw_timed_out("connection");
      default:
        throw_errno("control socket " + path, error);
    }
    // In a folder that everybody may write to, another user may have been here first.
    if (peer_user(socket_) != ::geteuid()) throw_denied(path);
  }

  /// A node that has refused us may have closed already; what it said is read all the same.
  void send(std::string_view request, TimePoint deadline) {
    std::string line{request};
    std::ranges::replace(line, '\n', ' ');
    line += '\n';
    for (std::size_t sent = 0; sent < line.size();) {
      const auto result = uninterrupted([&] {
        return ::send(socket_.get(), line.data() + sent, line.size() - sent,
                      MSG_NOSIGNAL | MSG_DONTWAIT);
      });
      if (result >= 0)
        sent += static_cast<std::size_t>(result);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        wait(POLLOUT, deadline);
      else
        return;
    }
  }

  AnswerLine receive(TimePoint deadline) {
    constexpr std::size_t most_bytes = 16U << 20;
    std::size_t searched = 0;
    for (;;) {
      const std::size_t end = in_.find('\n', searched);
      if (end != std::string::npos) {
        const AnswerLine line = read_answer(std::string_view{in_}.substr(0, end));
        in_.erase(0, end + 1);
        if (line.kind == Kind::error) throw Error{ErrorCode::bad_input, printable(line.text)};
        return line;
      }
      searched = in_.size();
      if (in_.size() > most_bytes)
        throw Error{ErrorCode::exhausted,
                    "control socket " + path_ + ": expected an answer of at most " +
                        std::to_string(most_bytes) + " bytes a line, got more"};
      wait(POLLIN, deadline);
      std::array<char, 65536> buffer;
      const auto got = uninterrupted(
          [&] { return ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT); });
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) continue;
      if (got <= 0)
        throw Error{ErrorCode::disconnected,
                    "control socket " + path_ + ": the node closed the connection"};
      in_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  void wait(short events, TimePoint deadline) {
    for (;;) {
      const Duration left = deadline - SteadyClock{}.now();
      const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      pollfd polled{socket_.get(), events, 0};
      const int ready =
          ::poll(&polled, 1, static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 60'000)));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw_errno("control socket " + path_, errno);
      if (left <= Duration::zero()) throw_timed_out("answer");
    }
  }

  [[noreturn]] void throw_timed_out(const std::string& wanted) const {
    throw Error{ErrorCode::exhausted,
                "control socket " + path_ + ": timed out, the node gave no " + wanted + " in time"};
  }

  std::string path_;
  FileDescriptor socket_;
  std::string in_;
};

ControlClient::ControlClient(const std::string& path, Duration within)
    : connection_{std::make_unique<Connection>(path, within)} {}

ControlClient::~ControlClient() = default;
ControlClient::ControlClient(ControlClient&&) noexcept = default;
ControlClient& ControlClient::operator=(ControlClient&&) noexcept = default;

ControlClient::Connection& ControlClient::connection() {
  if (!connection_) throw Error{ErrorCode::bug, "control client: used after it was closed"};
  return *connection_;
}

std::string ControlClient::request(std::string_view request_json, Duration within) {
  const TimePoint deadline = deadline_of(within);
  Connection& node = connection();
  node.send(request_json, deadline);
  AnswerLine answer = node.receive(deadline);
  if (answer.kind != Kind::ok)
    throw Error{ErrorCode::corrupted, "answer: expected one value, got a stream"};
  return std::move(answer.text);
}

void ControlClient::stream(std::string_view request_json, Duration within,
                           const std::function<bool(std::string_view line_json)>& on_line) {
  Connection& node = connection();
  node.send(request_json, deadline_of(within));
  for (;;) {
    const AnswerLine answer = node.receive(deadline_of(within));
    if (answer.kind == Kind::end) return;
    const bool more = on_line(answer.text);
    if (answer.kind == Kind::ok) return;
    if (!more) {
      connection_.reset();
      return;
    }
  }
}

}  // namespace troupe::runtime
