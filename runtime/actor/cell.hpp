#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/deadlines.hpp"
#include "runtime/actor/envelope.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/exit.hpp"
#include "runtime/telemetry/actor_metrics.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/trace.hpp"

namespace troupe::runtime {

/// One incarnation of an actor, without the mailbox and the threads that drive it: it dispatches envelopes,
/// keeps open requests and timers, and ends the actor that throws. Whoever hosts it calls it from one
/// thread at a time.
///
/// - CELL-1: a handler that throws ends its actor, with the text as reason, and nothing else.
/// - CELL-2: each request is answered exactly once: by a frame, a failure or its deadline.
/// - CELL-3: what an incarnation that does not count (NAME-1) sends or answers is thrown away.
class Cell final : public Context {
 public:
  using Make = std::function<std::unique_ptr<Actor>(Context&)>;

  Cell(Services& services, Name& name, std::uint64_t incarnation, std::string_view type,
       ActorMetrics& metrics, Make make);
  ~Cell() override;

  // For its host.

  /// Where it is reached, before anything else.
  void attach(std::shared_ptr<Mailbox> mailbox) { mailbox_ = std::move(mailbox); }
  /// Makes the actor. False: it could not be made, or is not wanted any more.
  bool start();
  /// One turn. False: the actor ends now, and nothing more is to be received.
  bool receive(Envelope& envelope);
  /// Destroys the actor's state and tells those that watch. `otherwise` is the reason if it gave none.
  void finish(Exit otherwise);

  // For envelopes of kind `run`, in the actor's turn.

  void ask_to_stop();
  void tick();
  void changed(std::uint64_t watch, const Change& change);
  /// The next message's handler throws this instead.
  void throw_next(std::string what) { throw_next_ = std::move(what); }
  /// Nothing is handled for so long; what comes meanwhile is handled then.
  void stall(Duration duration);

  // Context

  const std::string& path() const override { return name_.path(); }
  std::uint64_t incarnation() const override { return incarnation_; }
  Ref ref(std::string_view path) override;
  Ref sender() override;
  using Context::ask;
  using Context::tell;
  void tell_with(const Ref& to, MessageType type, Frame message, Frame attachment) override;
  Frame attachment() const override;
  bool is_local(const Ref& whom) const override;
  void ask(const Ref& to, MessageType type, Frame question, Duration within,
           OnAnswer then) override;
  Duration time_left() const override;
  std::uint64_t after(Duration delay, std::function<void()> then) override;
  void cancel(std::uint64_t timer) override;
  std::uint64_t watch(const Ref& whom, std::function<void(const Change&)> told) override;
  void unwatch(std::uint64_t watch) override;
  Executor& executor(const ExecutorOptions& options) override;
  void not_ready_yet() override { ready_ = false; }
  void ready() override;
  std::shared_ptr<SharedMemory> memory(std::string_view name) override;
  void end_with(Exit exit) override;
  TimePoint now() const override;
  const Logger& log() const override { return logger_; }
  Services& services() override { return services_; }

 private:
  struct Watch {
    Name* name = nullptr;
    std::uint64_t at_name = 0;
    std::function<void(const Change&)> told;
  };

  template <class Turn>
  bool guarded(Turn&& turn);
  void dispatch(Envelope& envelope);
  void hear(Envelope& envelope);
  void complete(std::uint64_t request, const Answer& answer);
  void look_after(std::uint64_t request);
  void throw_away(const std::string& what, const Name* from, const std::string& why,
                  DroppedReplies& dropped);
  void set_deadline(TimePoint due, std::uint64_t id);
  void schedule_wake();
  Envelope message_to(const Ref& to, EnvelopeKind kind, MessageType type, Frame frame);
  bool counts() const { return name_.counts(incarnation_); }

  Services& services_;
  Name& name_;
  const std::uint64_t incarnation_;
  ActorMetrics& metrics_;
  HandlerTimer timer_;
  std::shared_ptr<const TraceActor> traced_;  // null: nothing is traced
  const Logger logger_;
  Make make_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<Actor> actor_;
  Handlers handlers_;
  std::optional<Exit> exit_;  // set: it ends after this turn
  bool ready_ = true;
  bool ended_ = false;
  const Envelope* current_ = nullptr;  // what is being handled
  std::string throw_next_;
  bool stalled_ = false;
  std::vector<Envelope> held_;  // came while it was stalled

  std::uint64_t last_id_ = 0;  // of requests, timers and watches
  struct Request {
    OnAnswer then;
    std::string_view type;
    Expected expected;
  };
  std::unordered_map<std::uint64_t, Request> requests_;
  std::unordered_map<std::uint64_t, std::function<void()>> timers_;
  std::map<std::uint64_t, Watch> watches_;
  Deadlines deadlines_;
  TimePoint wake_ = TimePoint::max();
  TimerId wake_timer_{};
  std::map<std::string, std::unique_ptr<Executor>> executors_;
};

}  // namespace troupe::runtime
