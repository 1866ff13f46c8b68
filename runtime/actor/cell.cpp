#include "runtime/actor/cell.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "runtime/actor/executor.hpp"
#include "runtime/actor/faults.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/memories.hpp"
#include "runtime/parameters.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/trace.hpp"
#include "serialization/malformed_frame.hpp"

namespace troupe::runtime {

Cell::Cell(Services& services, Name& name, std::uint64_t incarnation, std::string_view type,
           ActorMetrics& metrics, Make make)
    : services_{services},
      name_{name},
      incarnation_{incarnation},
      metrics_{metrics},
      timer_{metrics, services.clock},
      logger_{services.log.logger(type, name.path())},
      make_{std::move(make)} {
  if (services.trace)
    traced_ =
        std::make_shared<const TraceActor>(TraceActor{name.path(), std::string{type}, incarnation});
}

Cell::~Cell() {
  finish({ExitKind::killed, "it was never started"});
}

template <class Turn>
bool Cell::guarded(Turn&& turn) {
  const DroppedReplies
      dropped;  // answered when the reason of the actor's end, if it ends, is known
  try {
    turn();
    if (!exit_) return true;
  } catch (const std::exception& error) {
    exit_ = Exit{ExitKind::failed, error.what()};
    metrics_.failures.add();
  } catch (...) {
    exit_ = Exit{ExitKind::failed, "it threw something that is no std::exception"};
    metrics_.failures.add();
  }
  name_.set_exit(incarnation_, *exit_);
  return false;
}

bool Cell::start() {
  if (!counts()) exit_ = Exit{ExitKind::killed, "its supervisor ended it before it began"};
  return !exit_ && guarded([this] {
    actor_ = make_(*this);
    make_ = nullptr;
    if (exit_) return;  // its constructor called end()
    actor_->handles(handlers_);
    if (ready_) name_.up(incarnation_);
  });
}

bool Cell::receive(Envelope& envelope) {
  if (ended_ || exit_) return false;
  if (stalled_ && envelope.kind != EnvelopeKind::urgent) {
    held_.push_back(std::move(envelope));
    return true;
  }
  current_ = &envelope;
  const bool goes_on = guarded([&] { dispatch(envelope); });
  current_ = nullptr;
  return goes_on;
}

void Cell::dispatch(Envelope& envelope) {
  switch (envelope.kind) {
    case EnvelopeKind::tell:
    case EnvelopeKind::ask:
      return hear(envelope);
    case EnvelopeKind::answer:
      return complete(envelope.request, Answer{std::move(envelope.frame)});
    case EnvelopeKind::failure:
      return complete(envelope.request, Answer{*envelope.failure()});
    case EnvelopeKind::run:
    case EnvelopeKind::urgent:
      if (envelope.enclosed) envelope.enclosed->run(*this);
      return;
  }
}

void Cell::hear(Envelope& envelope) {
  if (envelope.to_incarnation != 0 && envelope.to_incarnation != incarnation_)
    return;  // its Reply says so
  if (envelope.from && !envelope.from->counts(envelope.from_incarnation))
    return metrics_.stale.add();
  if (services_.faults.any() && !services_.faults.pass(envelope, name_, mailbox_)) return;
  if (!throw_next_.empty()) throw Error{ErrorCode::bug, std::exchange(throw_next_, {})};

  const Handlers::Entry* const entry = handlers_.find(envelope.type);
  const bool is_ask = envelope.kind == EnvelopeKind::ask;
  if (!entry || (is_ask ? !entry->ask : !entry->tell)) {
    const std::string what = std::string{is_ask ? "does not answer" : "does not hear"} +
                             " messages of type " +
                             (entry ? std::string{entry->name} : std::to_string(envelope.type));
    if (is_ask) return envelope.reply.refuse(what);
    return logger_.warning(what, {{"from", envelope.from ? envelope.from->path() : "outside"}});
  }
  const HandlerSpan span{services_.trace, traced_, entry->name, envelope.trace};
  const HandlerTimer::Scope timed{timer_};
  DroppedReplies dropped;
  try {
    if (is_ask) {
      entry->ask(envelope.frame, std::move(envelope.reply));
    } else {
      entry->tell(envelope.frame);
    }
  } catch (const serialization::MalformedFrame& error) {
    throw_away(std::string{entry->name}, envelope.from, error.what(), dropped);
  }
}

void Cell::complete(std::uint64_t request, const Answer& answer) {
  const auto at = requests_.find(request);
  if (at == requests_.end()) return;  // it came after its deadline
  Request asked = std::move(at->second);
  requests_.erase(at);
  deadlines_.remove(request);
  DroppedReplies dropped;
  try {
    const OnAnswer then = std::move(asked.then);  // the replies that it holds go with it
    if (then) then(answer);
  } catch (const serialization::MalformedFrame& error) {
    throw_away("answer to " + std::string{asked.type}, asked.expected.holder, error.what(), dropped);
  }
}

void Cell::throw_away(const std::string& what, const Name* from, const std::string& why,
                      DroppedReplies& dropped) {
  metrics_.malformed.add();
  logger_.warning("a malformed message was thrown away",
                  {{"type", what}, {"from", from ? from->path() : "outside"}, {"why", why}});
  dropped.refuse("a malformed " + what + ": " + why);
}

void Cell::finish(Exit otherwise) {
  if (std::exchange(ended_, true)) return;
  const Exit exit = exit_.value_or(std::move(otherwise));
  name_.set_exit(incarnation_, exit);  // what its open replies will say
  for (const auto& [id, watch] : watches_) watch.name->unwatch(watch.at_name);
  if (wake_ != TimePoint::max()) services_.timers.cancel(wake_timer_);
  executors_.clear();  // before the state that their jobs may work on, as far as that can be had
  actor_.reset();
  handlers_ = {};
  requests_.clear();
  timers_.clear();
  held_.clear();
  make_ = nullptr;
  name_.down(incarnation_, exit);
  mailbox_.reset();
}

void Cell::ask_to_stop() {
  if (!actor_ || actor_->stopping())
    end_with({ExitKind::shutdown, "its supervisor asked it to end"});
}

void Cell::stall(Duration duration) {
  stalled_ = true;
  const TimePoint until = later(now(), std::max(duration, Duration{0}));
  services_.timers.add(until, [mailbox = std::weak_ptr{mailbox_}] {
    Envelope envelope = turn([](Cell& cell) {
      cell.stalled_ = false;
      for (Envelope& held : std::exchange(cell.held_, {})) cell.receive(held);
    });
    envelope.kind = EnvelopeKind::urgent;
    post(mailbox, std::move(envelope));
  });
}

void Cell::tick() {
  wake_ = TimePoint::max();
  for (const std::uint64_t id : deadlines_.take_due(now())) {
    if (exit_) return;
    if (const auto timer = timers_.find(id); timer != timers_.end()) {
      const std::function<void()> then = std::move(timer->second);
      timers_.erase(timer);
      then();
    } else {
      look_after(id);
    }
  }
  schedule_wake();
}

// Its deadline has passed, or it is time to look.
void Cell::look_after(std::uint64_t id) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  const Expected& expected = at->second.expected;
  const std::optional<Failure> failure = expected.failure(now());
  if (!failure) return set_deadline(expected.next_look(now()), id);
  complete(id, Answer{*failure});
}

void Cell::changed(std::uint64_t watch, const Change& change) {
  const auto at = watches_.find(watch);
  if (at == watches_.end()) return;
  const std::function<void(const Change&)> told = at->second.told;  // it may unwatch itself
  told(change);
}

Ref Cell::ref(std::string_view path) {
  return services_.names.ref(absolute_path(path, name_.path()));
}

Ref Cell::sender() {
  return current_ && current_->from ? Ref{*current_->from} : Ref{};
}

Frame Cell::attachment() const {
  return current_ && current_->enclosed ? current_->enclosed->attachment : Frame{};
}

bool Cell::is_local(const Ref& whom) const {
  const std::shared_ptr<Mailbox>& mailbox = whom.mailbox();
  return mailbox && mailbox->local();
}

void Cell::tell_with(const Ref& to, MessageType type, Frame message, Frame attachment) {
  if (!counts()) return;
  const std::shared_ptr<Mailbox>& mailbox = to.mailbox();
  if (!mailbox) return;
  Envelope envelope = message_to(to, EnvelopeKind::tell, type, std::move(message));
  if (!attachment.empty()) envelope.enclose().attachment = std::move(attachment);
  if (envelope.bytes() > most_bytes_across && !mailbox->local())
    throw Error{ErrorCode::bad_input, name_.path() + ": tell: " + to.path() + ": " +
                                          too_large_to_cross(envelope.bytes())};
  mailbox->push(std::move(envelope));
}

void Cell::ask(const Ref& to, MessageType type, Frame question, Duration within, OnAnswer then) {
  if (!counts()) return;
  const std::uint64_t id = ++last_id_;
  const std::shared_ptr<Mailbox>& mailbox = to.mailbox();
  const Expected expected{to.name_, mailbox ? to.incarnation_ : 0, within,
                          later(now(), std::max(within, Duration{0}))};
  requests_.emplace(id, Request{std::move(then), type.name, expected});
  set_deadline(expected.next_look(now()), id);
  if (!mailbox)
    return mailbox_->push(failure_envelope(
        id, {FailureKind::not_running,
             to ? to.path() + " is not running" : "the request names nobody"}));
  Envelope envelope = message_to(to, EnvelopeKind::ask, type, std::move(question));
  envelope.left = within;
  envelope.reply = Reply{mailbox_, id};
  envelope.reply.holder_ = to.name_;
  envelope.reply.holder_incarnation_ = to.incarnation_;
  mailbox->push(std::move(envelope));
}

Envelope Cell::message_to(const Ref& to, EnvelopeKind kind, MessageType type, Frame frame) {
  Envelope envelope;
  envelope.kind = kind;
  envelope.type = type.id;
  envelope.from = &name_;
  envelope.from_incarnation = incarnation_;
  envelope.to = to.name_;
  envelope.to_incarnation = to.incarnation_;
  envelope.frame = std::move(frame);
  if (services_.trace) {
    envelope.trace = services_.trace->next_id();
    services_.trace->sent(type.name, envelope.trace);
  }
  return envelope;
}

Duration Cell::time_left() const {
  return current_ && current_->kind == EnvelopeKind::ask ? current_->left : Duration::max();
}

std::uint64_t Cell::after(Duration delay, std::function<void()> then) {
  const std::uint64_t id = ++last_id_;
  timers_.emplace(id, std::move(then));
  set_deadline(later(now(), std::max(delay, Duration{0})), id);
  return id;
}

void Cell::cancel(std::uint64_t timer) {
  if (timers_.erase(timer) != 0) deadlines_.remove(timer);
}

std::uint64_t Cell::watch(const Ref& whom, std::function<void(const Change&)> told) {
  if (!whom)
    throw Error{ErrorCode::bug, name_.path() + ": watch() was called with a Ref that names nobody"};
  const std::uint64_t id = ++last_id_;
  Watch& watch = watches_[id];
  watch.name = whom.name_;
  watch.told = std::move(told);
  watch.at_name = whom.name_->watch([mailbox = std::weak_ptr{mailbox_}, id](const Change& change) {
    post(mailbox, turn([id, change](Cell& cell) { cell.changed(id, change); }));
  });
  return id;
}

void Cell::unwatch(std::uint64_t watch) {
  const auto at = watches_.find(watch);
  if (at == watches_.end()) return;
  at->second.name->unwatch(at->second.at_name);
  watches_.erase(at);
}

Executor& Cell::executor(const ExecutorOptions& options) {
  std::unique_ptr<Executor>& executor = executors_[options.name];
  if (!executor) {
    const auto to_owner = [mailbox = std::weak_ptr{mailbox_}](std::function<void()> then) {
      return post(mailbox, turn([then = std::move(then)](Cell&) { then(); }));
    };
    executor = std::make_unique<Executor>(to_owner, services_.timers, services_.clock,
                                          services_.executors, options);
  }
  return *executor;
}

void Cell::ready() {
  if (!std::exchange(ready_, true) && counts()) name_.up(incarnation_);
}

std::shared_ptr<SharedMemory> Cell::memory(std::string_view name) {
  std::shared_ptr<SharedMemory> memory = services_.memories.find(name);
  if (!memory)
    throw Error{ErrorCode::bad_input,
                name_.path() + ": there is no shared memory \"" + std::string{name} + "\""};
  return memory;
}

void Cell::end_with(Exit exit) {
  if (!exit_) exit_ = std::move(exit);
}

TimePoint Cell::now() const {
  return services_.clock.now();
}

void Cell::set_deadline(TimePoint due, std::uint64_t id) {
  deadlines_.add(due, id);
  if (due < wake_) schedule_wake();
}

void Cell::schedule_wake() {
  const std::optional<TimePoint> due = deadlines_.next_due();
  if (!due || *due >= wake_) return;
  if (wake_ != TimePoint::max()) services_.timers.cancel(wake_timer_);
  wake_ = *due;
  wake_timer_ = services_.timers.add(*due, [mailbox = std::weak_ptr{mailbox_}] {
    post(mailbox, turn([](Cell& cell) { cell.tick(); }));
  });
}

}  // namespace troupe::runtime
