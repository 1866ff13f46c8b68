#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "serialization/frame.hpp"

namespace troupe::runtime {

// A channel carries items, each a Frame, from one actor to another with bounded memory. Its ends are plain
// objects, each used by its own actor only; what carries their messages keeps the order, and is whole or dead.
//
//   CH-1  Each item arrives once, in order, bit for bit; what arrives is a prefix of what was sent.
//   CH-2  Data bear their absolute offset: a copy of what came before is dropped, a gap ends the channel.
//   CH-3  Credit is an absolute offset, and the highest counts. Data begin below it and end wherever they end.
//   CH-4  Bytes received and not yet consumed: at most max(window + largest message, largest item).
//   CH-5  Whatever a peer claims, one item takes at most max_item_bytes.
//   CH-6  Messages of another incarnation change nothing.
//   CH-7  Each end that lives is told the channel's end once; nothing happens behind it.
//   CH-8  While items are consumed, data flow, whatever the sizes of window, pieces and items.
//   CH-9  Within a process items are whole (cut_above_bytes 0), and handed over as the very Frame.

/// How a channel came to its end.
struct ChannelEnd {
  enum class Kind : std::uint8_t {
    finished,  ///< all was received
    aborted,   ///< one side gave up
    failed,    ///< one side broke the protocol, or the item was too large
    lost,      ///< the other side's actor has ended
  };
  Kind kind = Kind::finished;
  std::string reason = {};  ///< one line
};

/// Messages that were dropped.
struct ChannelDrops {
  std::uint64_t stale = 0;      ///< of another incarnation
  std::uint64_t repeated = 0;   ///< copies
  std::uint64_t after_end = 0;  ///< behind the end
};

/// Delivers a message, of type wire::ChannelMessage, to the other end's handle(). `item` is empty unless a
/// whole item goes beside it; a transport of one frame a message sets cut_above_bytes, and not whole_beside.
using EmitToChannel =
    std::function<void(const serialization::Frame& message, const serialization::Frame& item)>;

/// Which channel a message belongs to, for an actor with several.
/// @throws MalformedFrame if it is none.
std::uint64_t channel_incarnation(const serialization::Frame& message);

}  // namespace troupe::runtime
