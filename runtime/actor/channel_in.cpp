#include "runtime/actor/channel_in.hpp"

#include <utility>

#include "runtime/actor/channel_state.hpp"

namespace troupe::runtime {

// Each call keeps the state: what it calls back may let go of the handle.

const Ref& ChannelIn::opener() const {
  return state_->peer;
}

void ChannelIn::on_item(std::function<void(serialization::Frame)> then) {
  if (!ended()) state_->on_item = std::move(then);
}

void ChannelIn::on_ended(std::function<void(const ChannelEnd&)> then) {
  if (!ended()) state_->on_ended = std::move(then);
}

void ChannelIn::consumed(std::uint64_t bytes) {
  const std::shared_ptr<ChannelInState> state = state_;
  state->receiver->consumed(bytes);
}

void ChannelIn::abort(const std::string& reason) {
  const std::shared_ptr<ChannelInState> state = state_;
  state->receiver->abort(reason);
}

bool ChannelIn::ended() const {
  return state_->receiver->ended();
}

std::uint64_t ChannelIn::unconsumed_bytes() const {
  return state_->receiver->unconsumed_bytes();
}

}  // namespace troupe::runtime
