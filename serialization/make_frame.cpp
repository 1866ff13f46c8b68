#include "serialization/make_frame.hpp"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>
#include <vector>

#include "serialization/frame_builder.hpp"

namespace troupe::serialization {

Frame build_frame(const std::function<void(capnp::MessageBuilder&)>& fill,
                  std::initializer_list<std::span<const std::byte>> payloads) {
  capnp::word first_segment[64] = {};  // most heads need no more
  capnp::MallocMessageBuilder message{kj::arrayPtr(first_segment, 64)};
  fill(message);
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const std::span<const std::byte> head{reinterpret_cast<const std::byte*>(words.begin()),
                                        words.size() * sizeof(capnp::word)};
  std::vector<std::size_t> sizes;
  for (const auto payload : payloads) sizes.push_back(payload.size());
  FrameBuilder builder{sizes, head.size()};
  std::size_t index = 0;
  for (const auto payload : payloads) {
    const std::span<std::byte> room = builder.payload(index++);
    // By memcpy: what std::ranges::copy becomes here is a loop over single bytes.
    if (!payload.empty()) std::memcpy(room.data(), payload.data(), payload.size());
  }
  return builder.seal(head);
}

}  // namespace troupe::serialization
