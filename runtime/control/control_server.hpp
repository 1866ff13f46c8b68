#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/base/clock.hpp"
#include "runtime/control/control_answer.hpp"

namespace troupe::runtime {

/// What a control server puts up with.
struct ControlLimits {
  std::size_t connections = 32;  ///< at a time; one more is told so, and closed
  std::size_t request_bytes =
      64U << 10;  ///< of one request's line; past it, the connection is closed
  std::size_t output_bytes = 4U << 20;  ///< unread by a connection's client; past it, it is closed
  Duration idle =
      std::chrono::seconds{30};  ///< without a whole request, or with output that stands still
  Duration answer_within = std::chrono::seconds{10};  ///< of a request; streams have no deadline
};

/// The local socket through which its user, and nobody else, talks to a running node: `troupe ps`, `logs`,
/// `fault`, `scale`, `stop`. One JSON object a line each way:
///
///     {"command": "ps", …}   ->   {"ok": VALUE}, or {"error": "one line"}
///                                 or a stream: {"line": VALUE} …, then {"end": true}
///
/// The socket has mode 0600, in a folder that only its user can write to (made with 0700), and a client of
/// another user is refused. A client that closes its connection cancels what it asked for. The path is
/// removed at the end, and one left behind by a node that was killed is replaced.
class ControlServer {
 public:
  /// Called on the server's own thread, so it must not block: what takes long keeps the answer and
  /// completes it later. What it throws is the answer.
  using Handler = std::function<void(std::string request_json, ControlAnswer answer)>;

  /// Listens at `path` (control_path()) once it returns; clients of `handlers`, by command, are served until the
  /// destructor. `clock` must outlive this.
  /// @throws Error bad_input: the path is in use by a running node or too long, or its folder is another
  /// user's or writable by others. Nothing is left behind then.
  ControlServer(const std::string& path, std::map<std::string, Handler> handlers,
                const Clock& clock, ControlLimits limits = {});
  /// Tells those that wait that the node has stopped, and returns at once: nothing waits for a client. Not to be
  /// called by a handler.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Looks at the clock again: for one that is moved by hand. Any thread may call it.
  void wake();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace troupe::runtime
