#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "runtime/actor/channel.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelData {
  std::uint64_t offset = 0;
  std::uint64_t item_bytes = 0;
  std::optional<std::uint16_t> payload;  // none: the item goes beside the message
};
struct ChannelGrant {
  std::uint64_t credit = 0;
};
struct ChannelProbe {
  std::uint64_t offset = 0;
};
struct ChannelEndMessage {
  ChannelEnd end;
  std::uint64_t offset = 0;
};
using ChannelMessage = std::variant<ChannelData, ChannelGrant, ChannelProbe, ChannelEndMessage>;

struct ChannelOpening {
  std::string name;
  std::uint64_t opener = 0;
};
/// Where a message belongs.
struct ChannelHeader {
  std::uint64_t incarnation = 0;
  bool to_sender = false;
  bool wants_answer = false;  // also if there is no such channel
  std::optional<ChannelOpening> opening;
};

/// @throws MalformedFrame
ChannelHeader decode_channel_header(const serialization::Frame& message);

/// What a message says, or nothing if it is of another incarnation. @throws MalformedFrame
std::optional<ChannelMessage> decode_channel(const serialization::Frame& message,
                                             std::uint64_t incarnation);

/// A piece of an item, copied into the message; an empty one stands for the whole item beside it.
serialization::Frame encode_data(std::uint64_t incarnation, std::uint64_t offset,
                                 std::uint64_t item_bytes, std::span<const std::byte> piece);
serialization::Frame encode_grant(std::uint64_t incarnation, std::uint64_t credit);
serialization::Frame encode_probe(std::uint64_t incarnation, std::uint64_t offset);
serialization::Frame encode_open(std::uint64_t incarnation, const std::string& name,
                                 std::uint64_t opener);
enum class ChannelSide : std::uint8_t { sender, receiver };
serialization::Frame encode_end(std::uint64_t incarnation, ChannelSide by, const ChannelEnd& end,
                                std::uint64_t offset);

}  // namespace troupe::runtime
