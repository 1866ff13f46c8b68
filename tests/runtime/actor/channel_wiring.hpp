#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "runtime/actor/channel_receiver.hpp"
#include "runtime/actor/channel_sender.hpp"
#include "serialization/frame_builder.hpp"

namespace troupe::test {

using runtime::ChannelEnd;
using runtime::ChannelReceiver;
using runtime::ChannelReceiverOptions;
using runtime::ChannelSender;
using runtime::ChannelSenderOptions;
using serialization::Frame;
using serialization::FrameBuilder;

/// An item whose bytes tell its number; its block has `payload_bytes` and 128 more, rounded up to 64.
inline Frame numbered_item(std::uint64_t number, std::size_t payload_bytes) {
  FrameBuilder builder{std::array{payload_bytes}, 0};
  std::uint64_t state = number;
  for (std::byte& byte : builder.payload(0)) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return builder.seal({});
}

struct ChannelParcel {
  Frame message, item;
};

/// Both ends, with queues between them that the test empties.
struct ChannelPair {
  explicit ChannelPair(ChannelSenderOptions s = {}, ChannelReceiverOptions r = {})
      : sender{with(std::move(s))}, receiver{with(std::move(r))} {}

  ChannelSenderOptions with(ChannelSenderOptions options) {
    options.emit = [this](const Frame& message, const Frame& item) {
      to_receiver.push_back({message, item});
    };
    options.on_writable = [this] { ++writable; };
    options.on_ended = [this](const ChannelEnd& end) { sender_ends.push_back(end); };
    return options;
  }
  ChannelReceiverOptions with(ChannelReceiverOptions options) {
    options.emit = [this](const Frame& message, const Frame& item) {
      to_sender.push_back({message, item});
    };
    options.on_item = [this](Frame item) { items.push_back(std::move(item)); };
    options.on_ended = [this](const ChannelEnd& end) { receiver_ends.push_back(end); };
    return options;
  }

  bool step_receiver() {
    if (to_receiver.empty()) return false;
    const ChannelParcel parcel = std::move(to_receiver.front());
    to_receiver.pop_front();
    receiver.handle(parcel.message, parcel.item);
    return true;
  }
  bool step_sender() {
    if (to_sender.empty()) return false;
    const ChannelParcel parcel = std::move(to_sender.front());
    to_sender.pop_front();
    sender.handle(parcel.message);
    return true;
  }
  void settle() {
    while (step_receiver() || step_sender()) {
    }
  }

  std::deque<ChannelParcel> to_receiver, to_sender;
  std::vector<Frame> items;
  std::vector<ChannelEnd> sender_ends, receiver_ends;
  int writable = 0;
  ChannelSender sender;
  ChannelReceiver receiver;
};

}  // namespace troupe::test
