#pragma once

#include "serialization/frame.hpp"
#include "serialization/frame_builder.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/message.hpp"

namespace troupe::serialization {

/// Calls `visit(T::Reader)` with the frame's head, T one of the generated types. What it reads is checked
/// while it reads, so all that the head says is taken out in there. Used in sources, with the generated
/// header and <capnp/message.h>.
/// @throws MalformedFrame if the head is unsound.
template <class T, class Visit, class Message = capnp::MessageReader>
void read_head(const Frame& frame, Visit&& visit) {
  const auto fault =
      find_fault(frame.head(), [&](Message& message) { visit(message.template getRoot<T>()); });
  if (fault) throw MalformedFrame{"frame: head: " + *fault};
}

/// Closes a frame with the message as its head, as FrameBuilder::seal() does.
inline Frame seal(FrameBuilder& builder, capnp::MessageBuilder& head) {
  return builder.seal(flat_message(head));
}

}  // namespace troupe::serialization
