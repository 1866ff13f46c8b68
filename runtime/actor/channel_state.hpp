#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "runtime/actor/channel_receiver.hpp"
#include "runtime/actor/channel_sender.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::runtime {

/// What both ends have in an actor beside their protocol.
struct ChannelState {
  Ref peer;
  std::uint64_t incarnation = 0;       // of the channel
  std::uint64_t peer_incarnation = 0;  // 0: not known yet
  std::uint64_t watch = 0;
  std::uint32_t silent = 0;  // so many ticks in a row nothing was heard
  std::function<void(const ChannelEnd&)> on_ended;
};

struct ChannelOutState : ChannelState {
  std::optional<ChannelSender> sender;
  std::function<void()> on_writable;
};

struct ChannelInState : ChannelState {
  std::optional<ChannelReceiver> receiver;
  std::function<void(serialization::Frame)> on_item;
};

}  // namespace troupe::runtime
