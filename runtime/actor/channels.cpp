#include "runtime/actor/channels.hpp"

#include <optional>
#include <vector>

#include "runtime/actor/channel_protocol.hpp"
#include "runtime/actor/channel_receiver.hpp"
#include "runtime/actor/channel_sender.hpp"
#include "runtime/actor/channel_state.hpp"
#include "runtime/base/error.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/channel.capnp.h"

namespace troupe::runtime {
namespace {

using serialization::Frame;
using Message = wire::ChannelMessage;

// To another process: a payload of 1 MiB and its head still go in one.
constexpr std::uint64_t piece_bytes = (std::uint64_t{1} << 20) + (std::uint64_t{64} << 10);
constexpr std::size_t most_finished = 64;

std::string not_open(const std::string& name) {
  return "it accepts no channel \"" + name + "\"";
}

}  // namespace

Channels::Channels(Context& context, ChannelsOptions options)
    : context_{context}, options_{options} {}

Channels::~Channels() {
  for (const auto& [key, state] : out_) context_.unwatch(state->watch);
  for (const auto& [key, state] : in_) context_.unwatch(state->watch);
  if (timer_ != 0) context_.cancel(timer_);
}

void Channels::handles(Handlers& on) {
  on.tell<Message>([this](const Frame& message) { hear(message); });
  on.ask<Message>(
      [this](const Frame& message, Reply reply) { hear_opening(message, std::move(reply)); });
}

ChannelOut Channels::open(const Ref& to, const std::string& name,
                          const ChannelOutOptions& options) {
  if (!to)
    throw Error{ErrorCode::bad_input, "channel: expected an actor to open it to, got nobody"};
  if (name.empty() || name.size() > 100) {
    throw Error{ErrorCode::bad_input,
                "channel: expected a name of 1 to 100 bytes, got " + std::to_string(name.size())};
  }
  if (out_.size() >= options_.max_channels) {
    throw Error{ErrorCode::exhausted, "channel: expected less than " +
                                          std::to_string(options_.max_channels) +
                                          " open ones, got as many"};
  }
  const auto state = std::make_shared<ChannelOutState>();
  const std::weak_ptr<ChannelOutState> weak = state;
  state->peer = to;
  // Messages of another life of this actor do not arrive (CELL-3), so that the low bits do.
  state->incarnation = context_.incarnation() << 32 | ++opened_;

  ChannelSenderOptions sender;
  sender.incarnation = state->incarnation;
  sender.max_queued_bytes = options.max_queued_bytes;
  sender.cut_above_bytes = context_.is_local(to) ? 0 : piece_bytes;
  sender.whole_beside = true;
  sender.emit = [&context = context_, to](const Frame& message, const Frame& item) {
    context.tell_with(to, MessageType::of<Message>(), message, item);
  };
  sender.on_writable = [weak] {
    const std::function<void()> then = weak.lock()->on_writable;  // which may set another
    if (then) then();
  };
  sender.on_ended = [this, weak](const ChannelEnd& end) {
    const auto self = weak.lock();
    out_.erase(self->incarnation);
    ended(*self, end);
    self->on_writable = nullptr;
  };
  state->sender.emplace(std::move(sender));
  out_.emplace(state->incarnation, state);

  watch_peer(state, [weak](const Exit& exit) {
    if (const auto self = weak.lock()) self->sender->peer_exited(exit);
  });
  context_.ask<Message>(to, encode_open(state->incarnation, name, context_.incarnation()),
                        options.open_within, [weak](const Answer& answer) {
                          const auto self = weak.lock();
                          if (self && !answer.ok())
                            self->sender->abort("it was not opened: " + answer.failure().text);
                        });
  schedule_tick();
  return ChannelOut{state};
}

void Channels::accept(std::string name, OnChannel then, const ChannelInOptions& options) {
  if (options.window_bytes < 64 || options.window_bytes > std::uint64_t{1} << 40) {
    throw Error{ErrorCode::bad_input, "channel: expected a window of 64 to 2^40 bytes, got " +
                                          std::to_string(options.window_bytes)};
  }
  acceptors_[std::move(name)] = Acceptor{std::move(then), options};
}

void Channels::hear_opening(const Frame& message, Reply reply) {
  const ChannelHeader header = decode_channel_header(message);
  const Ref opener = context_.sender();
  if (!header.opening || !opener) return reply.refuse("it expected an actor to open a channel");
  const std::string& name = header.opening->name;
  const auto at = acceptors_.find(name);
  if (at == acceptors_.end()) return reply.refuse(not_open(name));
  if (in_.size() >= options_.max_channels) {
    return reply.refuse("it has " + std::to_string(in_.size()) + " channels already");
  }
  const InKey key{opener.path(), header.incarnation};
  if (in_.count(key) != 0) return reply.refuse("the channel is open already");

  const Acceptor acceptor = at->second;  // which it may replace
  const auto state = make_in(key, header.opening->opener, acceptor.options);
  reply.answer(message);
  acceptor.then(ChannelIn{state});
  if (!state->on_item) state->receiver->abort("nobody takes its items");
  state->receiver->grant();
  schedule_tick();
}

std::shared_ptr<ChannelInState> Channels::make_in(const InKey& key, std::uint64_t opener,
                                                  const ChannelInOptions& options) {
  const auto state = std::make_shared<ChannelInState>();
  const std::weak_ptr<ChannelInState> weak = state;
  state->peer = context_.sender();
  state->incarnation = key.second;
  state->peer_incarnation = opener;

  ChannelReceiverOptions receiver;
  receiver.incarnation = key.second;
  receiver.window_bytes = options.window_bytes;
  receiver.max_item_bytes = options.max_item_bytes;
  receiver.consume_on_return = options.consume_on_return;
  receiver.emit = [&context = context_, to = state->peer](const Frame& message, const Frame&) {
    context.tell<Message>(to, message);
  };
  receiver.on_item = [weak](Frame item) {
    const auto self = weak.lock();
    const auto then = self->on_item;  // which may set another
    try {
      then(std::move(item));
    } catch (const serialization::MalformedFrame& error) {
      self->receiver->abort(std::string{"an item was malformed: "} + error.what());
    }
  };
  receiver.on_ended = [this, weak, key](const ChannelEnd& end) {
    const auto self = weak.lock();
    in_.erase(key);
    if (finished_.size() == most_finished) finished_.pop_front();
    finished_.push_back({key, encode_end(key.second, ChannelSide::receiver, end,
                                         self->receiver->received_bytes())});
    ended(*self, end);
    self->on_item = nullptr;
  };
  state->receiver.emplace(std::move(receiver));
  in_.emplace(key, state);
  watch_peer(state, [weak](const Exit& exit) {
    if (const auto self = weak.lock()) self->receiver->peer_exited(exit);
  });
  return state;
}

void Channels::hear(const Frame& message) {
  const ChannelHeader header = decode_channel_header(message);
  const Ref sender = context_.sender();
  if (!sender) return;
  const InKey key{sender.path(), header.incarnation};
  if (header.to_sender) {
    const auto at = out_.find(header.incarnation);
    if (at != out_.end() && at->second->peer == sender) {
      const std::shared_ptr<ChannelOutState> state = at->second;
      state->silent = 0;
      return state->sender->handle(message);
    }
  } else if (const auto at = in_.find(key); at != in_.end()) {
    const std::shared_ptr<ChannelInState> state = at->second;
    state->silent = 0;
    return state->receiver->handle(message, context_.attachment());
  }
  if (header.wants_answer) answer_unknown(key, header.to_sender);
}

/// The other end does not know yet that there is no such channel, or no more.
void Channels::answer_unknown(const InKey& key, bool to_sender) {
  Frame answer =
      encode_end(key.second, to_sender ? ChannelSide::sender : ChannelSide::receiver,
                 {ChannelEnd::Kind::aborted, "the other side knows of no such channel"}, 0);
  if (!to_sender) {
    for (const Remembered& remembered : finished_) {
      if (remembered.key == key) answer = remembered.end;
    }
  }
  context_.tell<Message>(context_.sender(), std::move(answer));
}

void Channels::watch_peer(const std::shared_ptr<ChannelState>& state, OnPeerExit then) {
  const auto told = [weak = std::weak_ptr{state}, then = std::move(then)](const Change& change) {
    const auto self = weak.lock();
    if (!self || change.incarnation < self->peer_incarnation) return;
    if (!change.up) return then(change.exit);
    if (self->peer_incarnation == 0) self->peer_incarnation = change.incarnation;
    if (change.incarnation > self->peer_incarnation) {
      then({ExitKind::lost, "a newer incarnation of it began"});
    }
  };
  state->watch = context_.watch(state->peer, told);
}

void Channels::ended(ChannelState& state, const ChannelEnd& end) {
  context_.unwatch(state.watch);
  const auto then = std::move(state.on_ended);
  state.on_ended = nullptr;
  if (then) then(end);
}

void Channels::schedule_tick() {
  if (timer_ != 0 || size() == 0) return;
  timer_ = context_.after(options_.probe_every, [this] {
    timer_ = 0;
    tick();
    schedule_tick();
  });
}

bool Channels::give_up(ChannelState& state) const {
  return ++state.silent > options_.max_silent_probes;
}

void Channels::tick() {
  const std::string why = "nothing was heard from the other side";
  std::vector<std::shared_ptr<ChannelOutState>> outs;
  for (const auto& [key, state] : out_) outs.push_back(state);
  for (const auto& state : outs) {
    if (give_up(*state)) {
      state->sender->abort(why);
    } else {
      state->sender->probe();
    }
  }
  std::vector<std::shared_ptr<ChannelInState>> ins;
  for (const auto& [key, state] : in_) ins.push_back(state);
  for (const auto& state : ins) {
    if (give_up(*state)) {
      state->receiver->abort(why);
    } else if (state->silent > 1) {  // else the sender's probes come
      state->receiver->grant();
    }
  }
}

}  // namespace troupe::runtime
