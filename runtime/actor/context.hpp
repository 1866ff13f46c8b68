#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/exit.hpp"

namespace troupe::runtime {

class Executor;
struct ExecutorOptions;
class Logger;
class SharedMemory;
struct Services;

/// What an actor does to the world. It belongs to the actor and outlives it; only the actor's own handlers
/// (and what they have called back) may use it, never another thread. Nothing that an actor does after
/// its supervisor gave it up has any effect.
class Context {
 public:
  virtual ~Context() = default;

  /// Its path in the tree, and which start of it this is: unique in its node, growing.
  virtual const std::string& path() const = 0;
  virtual std::uint64_t incarnation() const = 0;
  Ref self() { return ref(path()); }
  /// Another actor: by an absolute path, or from its own supervisor ("loader", "../store").
  /// @throws Error bad_input for a malformed path. That nothing runs there is no error here.
  virtual Ref ref(std::string_view path) = 0;
  /// Who sent what is being handled; names nobody if that was the outside.
  virtual Ref sender() = 0;

  /// Sends and forgets. In order between two actors; thrown away if nothing runs there.
  /// @throws Error bad_input if it has more than 64 MiB and would go to another process: bulk goes through channels.
  template <class T>
  void tell(const Ref& to, Frame message) {
    tell(to, MessageType::of<T>(), std::move(message));
  }
  void tell(const Ref& to, MessageType type, Frame message) {
    tell_with(to, type, std::move(message), {});
  }
  /// A message may bring a second frame, which inside a process is handed over as it is; see attachment().
  virtual void tell_with(const Ref& to, MessageType type, Frame message, Frame attachment) = 0;
  /// What came with the message that is being handled; empty if nothing did.
  virtual Frame attachment() const = 0;
  /// Whether messages to it stay in this process now; no if it is not running.
  virtual bool is_local(const Ref& whom) const = 0;

  using OnAnswer = std::function<void(const Answer&)>;
  /// Asks. `then` is called exactly once unless this actor ends before: with the answer, or with the reason
  /// why there is none, after `within` at the latest; at once when the one who was asked, its process or its
  /// node ends. A MalformedFrame that it throws is the fault of who answered, and only costs the answer.
  template <class T>
  void ask(const Ref& to, Frame question, Duration within, OnAnswer then) {
    ask(to, MessageType::of<T>(), std::move(question), within, std::move(then));
  }
  virtual void ask(const Ref& to, MessageType type, Frame question, Duration within,
                   OnAnswer then) = 0;
  /// How much of its time the asker has left for what is being handled; for a tell, Duration::max().
  virtual Duration time_left() const = 0;

  /// Calls `then` once, `delay` from now or up to a tick (1 ms) later. The id is for cancel().
  virtual std::uint64_t after(Duration delay, std::function<void()> then) = 0;
  virtual void cancel(std::uint64_t timer) = 0;

  /// Calls `told` for each change under a path, beginning with what is the case now (NAME-2).
  virtual std::uint64_t watch(const Ref& whom, std::function<void(const Change&)> told) = 0;
  virtual void unwatch(std::uint64_t watch) = 0;

  /// A thread of this actor's own for what takes long (executor.hpp), made at the first call with that name.
  virtual Executor& executor(const ExecutorOptions& options) = 0;

  /// An actor that is not ready when it was made says not_ready_yet() in its constructor and ready() later, within the
  /// child spec's `start_within`. Those that are started after it wait for that; messages are handled meanwhile.
  virtual void not_ready_yet() = 0;
  virtual void ready() = 0;

  /// Memory that the node shares with its worker processes (Node::share); the same bytes wherever this actor lives.
  /// @throws Error bad_input if the node had no memory of that name when this process began.
  virtual std::shared_ptr<SharedMemory> memory(std::string_view name) = 0;

  /// Ends this actor after the handler: its work is done.
  void end() { end_with(Exit{ExitKind::normal, {}}); }
  virtual void end_with(Exit exit) = 0;

  /// The node's time: virtual in tests.
  virtual TimePoint now() const = 0;
  virtual const Logger& log() const = 0;

  /// For the runtime's own actors.
  virtual Services& services() = 0;
};

}  // namespace troupe::runtime
