#include "runtime/actor/envelope.hpp"

#include <utility>

#include "runtime/actor/mailbox.hpp"

namespace troupe::runtime {

std::string too_large_to_cross(std::size_t bytes) {
  return "expected at most " + std::to_string(most_bytes_across) +
         " bytes in a message to another process, got " + std::to_string(bytes);
}

Envelope nudge() {
  Envelope envelope;
  envelope.kind = EnvelopeKind::run;
  return envelope;
}

Envelope turn(std::function<void(Cell&)> run) {
  Envelope envelope;
  envelope.kind = EnvelopeKind::run;
  envelope.enclose().run = std::move(run);
  return envelope;
}

Envelope failure_envelope(std::uint64_t request, Failure failure) {
  Envelope envelope;
  envelope.kind = EnvelopeKind::failure;
  envelope.request = request;
  envelope.enclose().failure = std::make_shared<const Failure>(std::move(failure));
  return envelope;
}

bool post(const std::weak_ptr<Mailbox>& to, Envelope&& envelope) {
  const std::shared_ptr<Mailbox> mailbox = to.lock();
  if (mailbox) mailbox->push(std::move(envelope));
  return mailbox != nullptr;
}

Envelope twin_of(const Envelope& envelope) {
  Envelope twin;
  twin.kind = envelope.kind;
  twin.type = envelope.type;
  twin.from = envelope.from;
  twin.to = envelope.to;
  twin.from_incarnation = envelope.from_incarnation;
  twin.to_incarnation = envelope.to_incarnation;
  twin.request = envelope.request;
  twin.left = envelope.left;
  twin.trace = envelope.trace;
  twin.frame = envelope.frame;
  if (envelope.enclosed) {
    twin.enclose().attachment = envelope.enclosed->attachment;
    twin.enclose().failure = envelope.enclosed->failure;
  }
  return twin;
}

}  // namespace troupe::runtime
