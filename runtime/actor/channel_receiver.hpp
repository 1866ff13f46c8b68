#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/actor/channel.hpp"
#include "runtime/exit.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelData;

struct ChannelReceiverOptions {
  std::uint64_t incarnation = 0;                          ///< as the sender's
  std::uint64_t window_bytes = std::uint64_t{4} << 20;    ///< credit; 64 … 2^40
  std::uint64_t max_item_bytes = std::uint64_t{1} << 30;  ///< a larger item ends the channel (CH-5)
  bool consume_on_return = true;  ///< an item is consumed when on_item returns, else by consumed()
  EmitToChannel emit;
  std::function<void(serialization::Frame)> on_item;
  std::function<void(const ChannelEnd&)> on_ended;  ///< once (CH-7); may be empty
};

/// The end of a channel that items come out of (channel.hpp). Belongs to one actor and is not synchronised.
/// `emit` may lead back into it; none of the functions may destroy it.
class ChannelReceiver {
 public:
  /// @throws Error bad_input without `emit` and `on_item`, or if the window is out of range.
  explicit ChannelReceiver(ChannelReceiverOptions options);
  ChannelReceiver(const ChannelReceiver&) = delete;
  ChannelReceiver& operator=(const ChannelReceiver&) = delete;

  /// Tells the sender how far it may go: once to begin with; to repeat it is harmless.
  void grant();
  /// So many bytes of items (Frame::bytes()) are done with. Grants are batched, by a quarter of the window.
  /// @throws Error bug if that is more than was handed out.
  void consumed(std::uint64_t bytes);
  /// Ends the channel now.
  void abort(const std::string& reason);
  /// The other end's actor has ended.
  void peer_exited(const Exit& exit);
  /// A message of the other end's; one that is malformed ends the channel and throws nothing.
  void handle(const serialization::Frame& message, const serialization::Frame& item = {});

  bool ended() const { return ended_; }
  std::uint64_t received_bytes() const { return received_; }
  std::uint64_t unconsumed_bytes() const { return received_ - consumed_; }
  const ChannelDrops& drops() const { return drops_; }

 private:
  serialization::Frame accept(const ChannelData& data, const serialization::Frame& message,
                              const serialization::Frame& item);
  serialization::Frame assemble(std::span<const std::byte> piece, std::uint64_t item_bytes);
  void deliver(serialization::Frame item);
  void grant_if_due();
  void fail(const std::string& reason);
  void end(const ChannelEnd& end, bool tell_peer);

  const ChannelReceiverOptions options_;
  std::uint64_t received_ = 0;
  std::uint64_t delivered_ = 0;  // begin of the item in progress
  std::uint64_t consumed_ = 0;
  std::uint64_t granted_ = 0;
  std::shared_ptr<std::byte> block_;  // of the item in progress, if there is one
  std::uint64_t block_bytes_ = 0;
  bool ended_ = false;
  ChannelDrops drops_;
};

}  // namespace troupe::runtime
