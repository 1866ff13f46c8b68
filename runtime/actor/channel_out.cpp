#include "runtime/actor/channel_out.hpp"

#include <utility>

#include "runtime/actor/channel_state.hpp"

namespace troupe::runtime {

// Each call keeps the state: what it calls back may let go of the handle.

bool ChannelOut::can_send() const {
  return state_->sender->can_send();
}

void ChannelOut::send(serialization::Frame item) {
  const std::shared_ptr<ChannelOutState> state = state_;
  state->sender->send(std::move(item));
}

void ChannelOut::finish() {
  const std::shared_ptr<ChannelOutState> state = state_;
  state->sender->finish();
}

void ChannelOut::abort(const std::string& reason) {
  const std::shared_ptr<ChannelOutState> state = state_;
  state->sender->abort(reason);
}

bool ChannelOut::ended() const {
  return state_->sender->ended();
}

std::uint64_t ChannelOut::queued_bytes() const {
  return state_->sender->queued_bytes();
}

void ChannelOut::on_writable(std::function<void()> then) {
  if (!ended()) state_->on_writable = std::move(then);
}

void ChannelOut::on_ended(std::function<void(const ChannelEnd&)> then) {
  if (!ended()) state_->on_ended = std::move(then);
}

}  // namespace troupe::runtime
