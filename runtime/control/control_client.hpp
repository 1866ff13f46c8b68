#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// Talks to a running node through its control socket, one request after the other. For one thread at a
/// time. After an Error other than one that the node answered with, connect again.
class ControlClient {
 public:
  /// @throws Error disconnected if no node listens at `path` (the text names those that run beside it),
  /// bad_input if the node is another user's, exhausted if it takes no connection `within` that time.
  ControlClient(const std::string& path, Duration within);
  ~ControlClient();
  ControlClient(ControlClient&&) noexcept;
  ControlClient& operator=(ControlClient&&) noexcept;

  /// Sends one request, a JSON object with a "command", and returns the JSON value of its answer.
  /// @throws Error bad_input with the node's words if it answers with an error, disconnected if it goes
  /// away, exhausted if the answer has not come `within` that time or is longer than 16 MiB.
  std::string request(std::string_view request_json, Duration within);

  /// The same, for an answer that is a stream: `on_line` is passed each JSON value, and returns whether it wants more;
  /// if not, the connection is closed. An answer that is no stream is one line. Each line must come `within` that time
  /// of the one before.
  void stream(std::string_view request_json, Duration within,
              const std::function<bool(std::string_view line_json)>& on_line);

 private:
  class Connection;
  Connection& connection();
  std::unique_ptr<Connection> connection_;
};

}  // namespace troupe::runtime
