#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/fault_order.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/exit.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::runtime {

class NodeCore;
class SharedMemory;

struct NodeOptions {
  std::string name = "troupe";
  std::size_t threads = 0;  ///< that run actors; 0: one a core
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  int log_descriptor = 2;  ///< -1: the log is only remembered
  /// Not empty: handlers are recorded, and written there by stop(); if that fails, the log says why.
  std::string trace_file = {};
  /// The socket through which `troupe ps` and the like reach this node: a path; "" for the usual one by the node's
  /// name; none: no socket.
  std::optional<std::string> control = {};
  /// SIGINT and SIGTERM end the root supervisor, as stop() does. Off: signals are the application's.
  bool handle_signals = false;
  /// A real-time signal with which a hanging thread is asked for its stack; 0: none, and reports have no stack.
  int stack_signal = 0;
  /// What starts a worker process; empty: this program, whose main calls worker_main().
  std::string worker_program = {};
};

/// A node: the actor system of one process, with a tree of actors in it. Any number of nodes may live in one
/// process; nothing is global. No port is opened.
///
/// Thread-safe, but for construction, start() and stop(). Not to be used from handlers, which have a Context.
class Node {
 public:
  /// @throws Error if the control socket is in use or may not be made, or the system gives no threads.
  Node(NodeOptions options, const Registry& registry);
  /// Stops with 5 s of time. What hangs then is leaked, with its threads.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Starts the tree: "/" is the supervisor `root`. Once.
  /// @return when all its children are up, or none came up in `within`: then the root has given up, and the error
  /// says why.
  /// @throws Error disconnected with the root's exit, unless somebody asked it to stop meanwhile: then wait() tells.
  void start(const SupervisorSpec& root, Duration within = std::chrono::minutes{1});
  /// Asks the root to stop: children end in reverse order, each within its time. What still runs after `within` is
  /// ended hard.
  /// @return the paths of actors that hang. They, their threads and what they use are leaked: only a
  /// program that has nothing else to do may end then, by _exit.
  std::vector<std::string> stop(Duration within = std::chrono::seconds{30});
  /// Until the root has ended, by itself or by a signal. None: `within` passed.
  std::optional<Exit> wait(Duration within = Duration::max());

  /// Until an actor runs under the path: at once, or when it has been started (again).
  /// @return false if that took longer than `within`.
  bool wait_until_running(std::string_view path, Duration within);

  Ref ref(std::string_view path);
  template <class T>
  void tell(std::string_view path, Frame message) {
    tell(path, MessageType::of<T>(), std::move(message));
  }
  void tell(std::string_view path, MessageType type, Frame message);
  /// Waits for the answer.
  template <class T>
  Answer ask(std::string_view path, Frame question, Duration within) {
    return ask(path, MessageType::of<T>(), std::move(question), within);
  }
  Answer ask(std::string_view path, MessageType type, Frame question, Duration within);

  /// Dynamic children. @throws Error disconnected or bad_input with the supervisor's answer.
  void start_child(std::string_view supervisor, const ChildSpec& spec);
  void stop_child(std::string_view supervisor, std::string_view child);
  void scale(std::string_view group, std::size_t count);

  /// @throws Error bad_input if nothing runs there.
  void inject(const FaultOrder& fault);

  /// Memory that actors find by its name (Context::memory), those in processes that start after this too.
  std::shared_ptr<SharedMemory> share(std::string_view name, std::size_t size_bytes);

  ProcessTable processes() const;
  /// In Prometheus' text format.
  std::string metrics() const;
  Log& log();
  const std::string& name() const { return options_.name; }

 private:
  struct State;
  void ask_root_to_stop();

  const NodeOptions options_;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::runtime
