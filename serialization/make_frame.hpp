#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>

#include "serialization/frame.hpp"

namespace capnp {
class MessageBuilder;
}  // namespace capnp

namespace troupe::serialization {

/// A frame whose head is what `fill` builds, with copies of the payloads.
Frame build_frame(const std::function<void(capnp::MessageBuilder&)>& fill,
                  std::initializer_list<std::span<const std::byte>> payloads);

/// A frame with a head of T, one of the generated types, and copies of the payloads (spans, vectors, arrays):
///
///     make_frame<wire::Bulk>([&](wire::Bulk::Builder head) { head.setPayload(0); }, numbers);
///
/// What is bulky is rather written where it will lie, by a FrameBuilder. Used in sources, with the generated
/// header and <capnp/message.h>.
/// @throws Error exhausted if there is no memory.
template <class T, class Fill, class... Payloads>
Frame make_frame(Fill&& fill, const Payloads&... payloads) {
  // Generic, since the builder's type is only declared here.
  return build_frame([&](auto& message) { fill(message.template initRoot<T>()); },
                     {std::as_bytes(std::span{payloads})...});
}

}  // namespace troupe::serialization
