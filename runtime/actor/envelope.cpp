#include "runtime/actor/envelope.hpp"

namespace troupe::runtime {

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
  twin.attachment = envelope.attachment;
  twin.failure = envelope.failure;
  return twin;
}

}  // namespace troupe::runtime
