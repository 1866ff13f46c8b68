#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/actor/channel.hpp"
#include "runtime/actor/ref.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelInState;

/// The end of a channel that another actor opened to this one (Channels::accept): items come out of it. A
/// handle, small to copy, for that actor only; to let go of it does not end the channel. An empty one may only be
/// assigned to.
class ChannelIn {
 public:
  ChannelIn() = default;
  explicit ChannelIn(std::shared_ptr<ChannelInState> state) : state_{std::move(state)} {}
  explicit operator bool() const { return state_ != nullptr; }

  /// Who opened it.
  const Ref& opener() const;

  /// `then` is called with each item, in order. A MalformedFrame that it throws aborts the channel.
  void on_item(std::function<void(serialization::Frame)> then);
  /// `then` is called once, when the channel has ended, however it did; not if it has ended already.
  void on_ended(std::function<void(const ChannelEnd&)> then);

  /// So many bytes of items (Frame::bytes()) are done with and make room for others. Only if the channel was
  /// accepted with consume_on_return = false.
  /// @throws Error bug if that is more than was handed out.
  void consumed(std::uint64_t bytes);
  /// Ends the channel now.
  void abort(const std::string& reason);
  bool ended() const;
  std::uint64_t unconsumed_bytes() const;

 private:
  std::shared_ptr<ChannelInState> state_;
};

}  // namespace troupe::runtime
