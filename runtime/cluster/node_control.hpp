#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/control/control_server.hpp"

namespace troupe::runtime {

class NodeCore;

/// What a node answers at its control socket:
///
///     {"command": "ps"}                                    a ProcessTable
///     {"command": "metrics"}                               Prometheus' text
///     {"command": "logs", "from": N, "follow": true}       a stream of lines
///     {"command": "scale", "path": P, "count": N}          "done"
///     {"command": "ask", "path": P, "name": N, "arguments": {…}, "within_ms": M}
///                                                          a stream of one line: what the actor at P says of it
///                                                          (command.hpp); M is 60000 if it is left out
///     {"command": "stop"}                                  "done"; the root supervisor ends
///     {"command": "fault", "kind": K, "path": P, …}        "done"
///
/// Faults: "kill" ends the actor, "throw" (text) in its next handler, "stall" (duration_ns), "signal" (signal: a
/// number) for its process; "drop", "delay" (duration_ns), "duplicate" messages `from` it, count times with
/// probability; "clear" ends those.
class NodeControl {
 public:
  /// @param stop asks the root to end.
  NodeControl(NodeCore& core, const std::string& node, const std::string& path,
              std::function<void()> stop);

 private:
  std::unique_ptr<ControlServer> server_;
};

}  // namespace troupe::runtime
