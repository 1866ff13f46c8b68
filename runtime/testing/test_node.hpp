#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/faults.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/exit.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::runtime {

class NodeCore;

/// A node for tests: the same actors, supervisors and timers, run by the thread that calls it, in one order, on a
/// time that only advance() moves. Nothing happens between calls, so a test needs no sleep, and what it saw it
/// sees again. No processes: `isolation: process` fails there. For one thread.
class TestNode {
 public:
  explicit TestNode(const Registry& registry, std::uint64_t fault_seed = 0);
  /// Ends all actors.
  ~TestNode();

  /// Starts a tree, whose root supervisor is "/", and runs it.
  void start(const SupervisorSpec& root);
  /// Asks the root to stop, and runs. A child that takes its time needs advance().
  void stop();

  /// Runs actors and executors' jobs until none has anything to do, or `turns` were taken.
  /// @return whether all is quiet.
  bool run(std::size_t turns = 1'000'000);
  /// Lets time pass: what falls due meanwhile happens at its own time, one after the other.
  void advance(Duration duration);
  TimePoint now() const;

  Ref ref(std::string_view path);
  template <class T>
  void tell(std::string_view path, Frame message) {
    tell(path, MessageType::of<T>(), std::move(message));
  }
  void tell(std::string_view path, MessageType type, Frame message);
  /// A request from the outside, and all that runs because of it. None: it is not answered yet, since whoever was
  /// asked keeps the reply.
  template <class T>
  std::optional<Answer> ask(std::string_view path, Frame question,
                            Duration within = std::chrono::seconds{5}) {
    return ask(path, MessageType::of<T>(), std::move(question), within);
  }
  std::optional<Answer> ask(std::string_view path, MessageType type, Frame question,
                            Duration within);

  /// What a supervisor sees: started (0: never), running now.
  std::uint64_t incarnation(std::string_view path);
  bool running(std::string_view path);
  /// How the last incarnation ended, if it did.
  std::optional<Exit> last_exit(std::string_view path);
  /// The paths that run, sorted.
  std::vector<std::string> running_paths();

  // Faults. They take effect when the actor has its turn; where nothing runs there is none.

  /// Ends the actor hard, as an operator would.
  void kill(std::string_view path, const std::string& reason = "a test killed it");
  /// The next message's handler throws this instead.
  void throw_in_next(std::string_view path, const std::string& what);
  /// The actor takes no message for so long.
  void stall(std::string_view path, Duration duration);
  void add_fault(MessageFault fault);
  void clear_faults();

  Log& log();
  NodeCore& core() { return *core_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<NodeCore> core_;
};

}  // namespace troupe::runtime
