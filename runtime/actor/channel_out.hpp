#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/actor/channel.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelOutState;

/// The end of a channel that an actor opened (Channels::open): items go into it. A handle, small to copy,
/// for that actor only; to let go of it does not end the channel. An empty one may only be assigned to.
class ChannelOut {
 public:
  ChannelOut() = default;
  explicit ChannelOut(std::shared_ptr<ChannelOutState> state) : state_{std::move(state)} {}
  explicit operator bool() const { return state_ != nullptr; }

  /// Whether there is room for an item.
  bool can_send() const;
  /// Sends an item, whatever its size; within a process it arrives as the very Frame.
  /// @throws Error exhausted if there is no room, disconnected if the channel has ended, bad_input if the
  /// item is empty, bug after finish().
  void send(serialization::Frame item);
  /// Ends the channel once all that was sent is received.
  void finish();
  /// Ends the channel now; what has not arrived is lost.
  void abort(const std::string& reason);
  bool ended() const;
  /// Of items that have not left.
  std::uint64_t queued_bytes() const;

  /// `then` is called whenever there is room again after there was none.
  void on_writable(std::function<void()> then);
  /// `then` is called once, when the channel has ended, however it did; not if it has ended already.
  void on_ended(std::function<void(const ChannelEnd&)> then);

 private:
  std::shared_ptr<ChannelOutState> state_;
};

}  // namespace troupe::runtime
