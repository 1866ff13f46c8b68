#include "runtime/cluster/link.hpp"

#include <utility>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"

namespace troupe::runtime {

Link::Link(NameTable& names, const Clock& clock, std::string other, Control control)
    : names_{names}, clock_{clock}, other_{std::move(other)}, control_{std::move(control)} {}

Link::~Link() {
  end("the link was given up");
}

void Link::push(Envelope&& envelope) {
  if (envelope.enclosed && envelope.enclosed->run) return;  // a closure stays in its process
  const std::size_t bytes = envelope.bytes();
  if (bytes > most_bytes_across) {
    Failure failure{FailureKind::refused, other_ + ": " + too_large_to_cross(bytes)};
    if (envelope.kind == EnvelopeKind::ask) return envelope.reply.fail(std::move(failure));
    if (envelope.kind != EnvelopeKind::answer) return;
    envelope = failure_envelope(envelope.request, std::move(failure));
  }
  envelope.enclose().route = Route{envelope.to ? envelope.to->path() : std::string{},
                                   envelope.from ? envelope.from->path() : std::string{}};
  send(std::move(envelope));
}

std::size_t Link::depth() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

void Link::control(MessageType type, Frame message) {
  Envelope envelope;
  envelope.kind = EnvelopeKind::tell;
  envelope.type = type.id;
  envelope.frame = std::move(message);
  envelope.enclose().route.emplace();
  send(std::move(envelope));
}

void Link::send(Envelope envelope) {
  Reply refused;  // answers without the lock
  std::string why;
  {
    const std::lock_guard lock{mutex_};
    if (ended_ || (!peer_ && waiting_.size() >= max_waiting)) {
      refused = std::move(envelope.reply);
      why = ended_ ? reason_ : "too much waits for it to come up";
    } else {
      if (envelope.kind == EnvelopeKind::ask) {
        const TimePoint until = later(clock_.now(), envelope.left);
        envelope.request = next_request_++;
        open_.emplace(envelope.request, Open{std::move(envelope.reply), until});
      }
      // Under the lock, so that what two threads send arrives in the order of their requests' numbers.
      if (peer_) {
        peer_->send(std::move(envelope));
      } else {
        waiting_.push_back(std::move(envelope));
      }
    }
  }
  if (refused.open()) refused.fail({FailureKind::ended, other_ + ": " + why});
}

void Link::joined(std::shared_ptr<Peer> peer) {
  const std::lock_guard lock{mutex_};
  if (ended_) return;
  peer_ = std::move(peer);
  for (Envelope& envelope : std::exchange(waiting_, {})) peer_->send(std::move(envelope));
}

void Link::received(Envelope envelope) {
  if (!envelope.route()) return;
  if (envelope.kind == EnvelopeKind::answer || envelope.kind == EnvelopeKind::failure) {
    Reply reply;
    {
      const std::lock_guard lock{mutex_};
      const auto at = open_.find(envelope.request);
      if (at == open_.end()) return;  // its asker waits no longer
      reply = std::move(at->second.reply);
      open_.erase(at);
    }
    if (envelope.failure()) {
      reply.fail(*envelope.failure());
    } else {
      reply.answer(std::move(envelope.frame));
    }
    return;
  }
  const bool asks = envelope.kind == EnvelopeKind::ask;
  if (asks) envelope.reply = Reply{shared_from_this(), envelope.request};
  const auto& [path, from] = *envelope.route();
  if (envelope.failure()) {  // its frame was none
    if (asks) envelope.reply.fail({FailureKind::refused, path + ": " + envelope.failure()->text});
    return;
  }
  if (path.empty()) {
    if (!asks) control_(envelope);
    return;
  }
  Name* const to = names_.find(path);
  const Name::Target target = to ? to->target() : Name::Target{};
  if (!target.mailbox || target.mailbox.get() == this) {
    if (asks) envelope.reply.fail({FailureKind::not_running, path + " is not running"});
    return;
  }
  try {
    if (!from.empty()) envelope.from = &names_.intern(from);
  } catch (const Error& error) {
    if (asks) envelope.reply.fail({FailureKind::refused, error.what()});
    return;
  }
  envelope.to = to;
  if (asks) {
    envelope.reply.holder_ = to;
    envelope.reply.holder_incarnation_ =
        envelope.to_incarnation ? envelope.to_incarnation : target.incarnation;
  }
  if (envelope.enclosed->attachment.empty()) {
    envelope.enclosed.reset();
  } else {
    envelope.enclosed->route.reset();
  }
  target.mailbox->push(std::move(envelope));
}

void Link::end(const std::string& reason) {
  std::unordered_map<std::uint64_t, Open> open;
  std::vector<Envelope> waiting;
  std::shared_ptr<Peer> peer;
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(ended_, true)) return;
    reason_ = reason;
    open = std::exchange(open_, {});
    waiting = std::exchange(waiting_, {});
    peer = std::exchange(peer_, nullptr);
  }
  if (peer) peer->leave();
  for (auto& [id, request] : open) request.reply.fail({FailureKind::ended, other_ + ": " + reason});
}

void Link::forget_expired() {
  std::vector<Reply> expired;
  const TimePoint now = clock_.now();
  const std::lock_guard lock{mutex_};
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.until >= now) {
      ++at;
      continue;
    }
    expired.push_back(std::move(at->second.reply));
    at = open_.erase(at);
  }
}

std::size_t Link::open_requests() const {
  const std::lock_guard lock{mutex_};
  return open_.size();
}

}  // namespace troupe::runtime
