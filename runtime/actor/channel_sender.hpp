#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "runtime/actor/channel.hpp"
#include "runtime/exit.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelSenderOptions {
  std::uint64_t incarnation = 0;  ///< one for each channel between two actors, and each life of one
  /// More is taken while the queue is below this; so it holds at most this and one item.
  std::uint64_t max_queued_bytes = std::uint64_t{4} << 20;
  /// Items travel in pieces of at most this. 0: never cut, but handed over (CH-9), within a process.
  std::uint64_t cut_above_bytes = std::uint64_t{1} << 20;
  /// Items that need no cut are handed over beside their message too, instead of copied into it.
  bool whole_beside = false;
  EmitToChannel emit;
  std::function<void()> on_writable;                ///< can_send() is true again; may be empty
  std::function<void(const ChannelEnd&)> on_ended;  ///< once (CH-7); may be empty
};

/// The end of a channel that items go into (channel.hpp). Belongs to one actor and is not synchronised. `emit`
/// may lead back into it; none of the functions may destroy it.
class ChannelSender {
 public:
  /// @throws Error bad_input without `emit`.
  explicit ChannelSender(ChannelSenderOptions options);
  ChannelSender(const ChannelSender&) = delete;
  ChannelSender& operator=(const ChannelSender&) = delete;

  bool can_send() const { return !closed_ && queued_bytes_ < options_.max_queued_bytes; }

  /// Queues an item and emits as far as credit reaches.
  /// @throws Error exhausted if the queue is full, disconnected if the channel has ended, bad_input if the
  /// item is empty, bug after finish().
  void send(serialization::Frame item);

  /// Ends the channel once all that is queued was received. More calls do nothing.
  void finish();
  /// Asks whether all that was sent has arrived: what was lost ends the channel then. To repeat it is harmless.
  void probe();
  /// Ends the channel now, and drops what is queued.
  void abort(const std::string& reason);
  /// The other end's actor has ended.
  void peer_exited(const Exit& exit);
  /// A message of the other end's; one that is malformed ends the channel and throws nothing.
  void handle(const serialization::Frame& message);

  bool ended() const { return ended_; }
  std::uint64_t queued_bytes() const { return queued_bytes_; }
  std::uint64_t sent_bytes() const { return sent_; }
  const ChannelDrops& drops() const { return drops_; }

 private:
  void pump();
  void emit_next();
  void end(const ChannelEnd& end, bool tell_peer);

  const ChannelSenderOptions options_;
  std::deque<serialization::Frame> queue_;
  std::uint64_t queued_bytes_ = 0;  // not yet emitted
  std::uint64_t front_sent_ = 0;    // of the item in front
  std::uint64_t sent_ = 0;
  std::uint64_t credit_ = 0;
  bool pumping_ = false;
  bool was_full_ = false;  // on_writable is due
  bool closed_ = false;    // finish() was called, or ended
  bool end_sent_ = false;
  bool ended_ = false;
  ChannelDrops drops_;
};

}  // namespace troupe::runtime
