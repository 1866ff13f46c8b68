#include "runtime/actor/channel_receiver.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "runtime/actor/channel_protocol.hpp"
#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "serialization/malformed_frame.hpp"

namespace troupe::runtime {
namespace {

using serialization::Frame;

[[noreturn]] void refuse(const std::string& expected, std::uint64_t got) {
  throw serialization::MalformedFrame{"channel: expected " + expected + ", got " +
                                      std::to_string(got)};
}

}  // namespace

ChannelReceiver::ChannelReceiver(ChannelReceiverOptions options) : options_{std::move(options)} {
  if (!options_.emit || !options_.on_item) {
    throw Error{ErrorCode::bad_input, "channel: expected functions to emit and for items"};
  }
  if (options_.window_bytes < 64 || options_.window_bytes > std::uint64_t{1} << 40) {
    throw Error{ErrorCode::bad_input, "channel: expected a window of 64 to 2^40 bytes, got " +
                                          std::to_string(options_.window_bytes)};
  }
}

void ChannelReceiver::grant() {
  if (ended_) return;
  granted_ = std::max(granted_, consumed_ + options_.window_bytes);
  options_.emit(encode_grant(options_.incarnation, granted_), {});
}

void ChannelReceiver::consumed(std::uint64_t bytes) {
  if (bytes > delivered_ - consumed_) {
    throw Error{ErrorCode::bug, "channel: expected at most " +
                                    std::to_string(delivered_ - consumed_) +
                                    " bytes to be consumed, got " + std::to_string(bytes)};
  }
  consumed_ += bytes;
  grant_if_due();
}

void ChannelReceiver::abort(const std::string& reason) {
  end({ChannelEnd::Kind::aborted, reason}, true);
}

void ChannelReceiver::peer_exited(const Exit& exit) {
  end({ChannelEnd::Kind::lost,
       "the sender has ended, " + std::string{to_string(exit.kind)} + ": " + exit.reason},
      false);
}

void ChannelReceiver::handle(const Frame& message, const Frame& item) {
  if (ended_) {
    ++drops_.after_end;
    return;
  }
  std::optional<ChannelMessage> decoded;
  Frame arrived;
  try {
    decoded = decode_channel(message, options_.incarnation);
    if (!decoded) {
      ++drops_.stale;  // CH-6
      return;
    }
    if (const auto* data = std::get_if<ChannelData>(&*decoded)) {
      arrived = accept(*data, message, item);
    }
  } catch (const Error& error) {  // the sender's fault, or no memory for its item
    fail(error.what());
    return;
  }
  if (const auto* told = std::get_if<ChannelEndMessage>(&*decoded)) {
    if (told->end.kind != ChannelEnd::Kind::finished) {
      end(told->end, false);
    } else if (told->offset != received_ || block_) {
      fail("channel: expected " + std::to_string(told->offset) + " bytes of whole items, got " +
           std::to_string(received_) + ": a message was lost");
    } else {
      end(told->end, true);
    }
  } else if (std::holds_alternative<ChannelGrant>(*decoded)) {
    fail("channel: expected data or the end, got a grant");
  } else if (const auto* probe = std::get_if<ChannelProbe>(&*decoded)) {
    if (probe->offset > received_) {
      fail("channel: expected " + std::to_string(probe->offset) + " bytes, got " +
           std::to_string(received_) + ": a message was lost");
    } else {
      grant();
    }
  } else if (arrived.empty()) {
    grant_if_due();
  } else {
    deliver(std::move(arrived));
  }
}

/// The item that is complete with these data, or an empty frame.
Frame ChannelReceiver::accept(const ChannelData& data, const Frame& message, const Frame& item) {
  if (data.item_bytes == 0 || data.item_bytes > options_.max_item_bytes) {
    refuse("an item of 1 to " + std::to_string(options_.max_item_bytes) + " bytes",
           data.item_bytes);
  }
  const std::span<const std::byte> piece =
      data.payload ? message.payload(*data.payload) : item.bytes();
  if (piece.empty() || piece.size() > data.item_bytes) {
    refuse("1 to " + std::to_string(data.item_bytes) + " bytes of an item", piece.size());
  }
  if (data.offset < received_) {  // CH-2
    if (piece.size() > received_ - data.offset) {
      refuse("a copy to end by byte " + std::to_string(received_), data.offset + piece.size());
    }
    ++drops_.repeated;
    return {};
  }
  if (data.offset > received_) {
    throw serialization::MalformedFrame{"channel: expected byte " + std::to_string(received_) +
                                        ", got " + std::to_string(data.offset) +
                                        ": a message was lost"};
  }
  if (received_ >= granted_) refuse("data below byte " + std::to_string(granted_), received_);

  const bool complete = !block_ && piece.size() == data.item_bytes;
  if (!data.payload && !complete) refuse("a whole item of its size", data.item_bytes);
  Frame arrived;
  if (!complete) {
    arrived = assemble(piece, data.item_bytes);
  } else {
    arrived = data.payload ? message.nested(*data.payload) : item;
  }
  received_ += piece.size();
  return arrived;
}

Frame ChannelReceiver::assemble(std::span<const std::byte> piece, std::uint64_t item_bytes) {
  if (!block_) {
    block_ = aligned_block(item_bytes);
    block_bytes_ = item_bytes;
  }
  const std::uint64_t filled = received_ - delivered_;
  if (item_bytes != block_bytes_ || piece.size() > item_bytes - filled) {
    refuse("the next of " + std::to_string(block_bytes_) + " bytes, of which " +
               std::to_string(filled) + " came",
           piece.size());
  }
  std::memcpy(block_.get() + filled, piece.data(), piece.size());
  if (filled + piece.size() < item_bytes) return {};
  return Frame::from_block(std::exchange(block_, nullptr), item_bytes, item_bytes);
}

void ChannelReceiver::deliver(Frame item) {
  const std::uint64_t size = item.bytes().size();
  delivered_ += size;
  options_.on_item(std::move(item));
  if (options_.consume_on_return) consumed(size);
}

void ChannelReceiver::grant_if_due() {
  if (ended_) return;
  std::uint64_t target = consumed_ + options_.window_bytes;
  bool stalled = false;
  // CH-4: an item beyond the window is let in when all before it was consumed, and nothing behind it.
  if (block_ && consumed_ == delivered_) {
    target =
        std::max(target, std::min(delivered_ + block_bytes_, received_ + options_.window_bytes));
    stalled = received_ >= granted_;  // CH-8: the rest may be less than a quarter of the window
  }
  if (target <= granted_) return;
  if (!stalled && target - granted_ < options_.window_bytes / 4) return;
  granted_ = target;
  options_.emit(encode_grant(options_.incarnation, granted_), {});
}

void ChannelReceiver::fail(const std::string& reason) {
  end({ChannelEnd::Kind::failed, reason}, true);
}

void ChannelReceiver::end(const ChannelEnd& end, bool tell_peer) {
  if (ended_) return;
  ended_ = true;
  block_ = nullptr;
  if (tell_peer)
    options_.emit(encode_end(options_.incarnation, ChannelSide::receiver, end, received_), {});
  if (options_.on_ended) options_.on_ended(end);
}

}  // namespace troupe::runtime
