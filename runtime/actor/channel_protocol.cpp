#include "runtime/actor/channel_protocol.hpp"

#include <capnp/message.h>

#include <string>
#include <string_view>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/channel.capnp.h"

namespace troupe::runtime {
namespace {

using serialization::Frame;
using serialization::make_frame;
using serialization::MalformedFrame;
using Message = wire::ChannelMessage;

/// A reason as it may stand in a log: one line, and not a long one.
std::string one_line(std::string_view text) {
  constexpr std::size_t most = 1000;
  std::string line{text.substr(0, most)};
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = '?';
  }
  return line;
}

ChannelEnd::Kind decode_kind(Message::Kind kind) {
  switch (kind) {
    case Message::Kind::FINISHED:
      return ChannelEnd::Kind::finished;
    case Message::Kind::ABORTED:
      return ChannelEnd::Kind::aborted;
    case Message::Kind::FAILED:
      return ChannelEnd::Kind::failed;
  }
  throw MalformedFrame{"channel: expected a known kind of end, got " +
                       std::to_string(static_cast<unsigned>(kind))};
}

Message::Kind encode_kind(ChannelEnd::Kind kind) {
  switch (kind) {
    case ChannelEnd::Kind::finished:
      return Message::Kind::FINISHED;
    case ChannelEnd::Kind::failed:
      return Message::Kind::FAILED;
    case ChannelEnd::Kind::aborted:
    case ChannelEnd::Kind::lost:
      break;
  }
  return Message::Kind::ABORTED;
}

ChannelMessage decode(Message::Reader message) {
  switch (message.which()) {
    case Message::DATA: {
      const auto data = message.getData();
      ChannelData out{data.getOffset(), data.getItemBytes(), {}};
      if (!data.getWhole()) out.payload = data.getPayload();
      return out;
    }
    case Message::GRANT:
      return ChannelGrant{message.getGrant().getCredit()};
    case Message::PROBE:
      return ChannelProbe{message.getProbe().getOffset()};
    case Message::OPEN:
      throw MalformedFrame{"channel: expected no second opening"};
    case Message::END: {
      const auto end = message.getEnd();
      const auto reason = end.getReason();
      return ChannelEndMessage{
          {decode_kind(end.getKind()), one_line({reason.cStr(), reason.size()})}, end.getOffset()};
    }
  }
  throw MalformedFrame{"channel: expected a known message, got number " +
                       std::to_string(static_cast<unsigned>(message.which()))};
}

}  // namespace

std::uint64_t channel_incarnation(const Frame& message) {
  std::uint64_t incarnation = 0;
  serialization::read_head<Message>(
      message, [&](Message::Reader head) { incarnation = head.getIncarnation(); });
  return incarnation;
}

ChannelHeader decode_channel_header(const Frame& message) {
  ChannelHeader header;
  serialization::read_head<Message>(message, [&](Message::Reader head) {
    header.incarnation = head.getIncarnation();
    header.wants_answer = true;
    if (head.isGrant()) header.to_sender = true;
    if (head.isEnd()) {
      header.to_sender = head.getEnd().getByReceiver();
      header.wants_answer = !header.to_sender && head.getEnd().getKind() == Message::Kind::FINISHED;
    }
    if (head.isOpen()) {
      const auto name = head.getOpen().getName();
      header.opening =
          ChannelOpening{one_line({name.cStr(), name.size()}), head.getOpen().getOpener()};
    }
  });
  return header;
}

std::optional<ChannelMessage> decode_channel(const Frame& message, std::uint64_t incarnation) {
  std::optional<ChannelMessage> decoded;
  serialization::read_head<Message>(message, [&](Message::Reader head) {
    if (head.getIncarnation() == incarnation) decoded = decode(head);
  });
  return decoded;
}

Frame encode_data(std::uint64_t incarnation, std::uint64_t offset, std::uint64_t item_bytes,
                  std::span<const std::byte> piece) {
  const auto fill = [&](Message::Builder head) {
    head.setIncarnation(incarnation);
    auto data = head.initData();
    data.setOffset(offset);
    data.setItemBytes(item_bytes);
    data.setWhole(piece.empty());
  };
  return piece.empty() ? make_frame<Message>(fill) : make_frame<Message>(fill, piece);
}

Frame encode_grant(std::uint64_t incarnation, std::uint64_t credit) {
  return make_frame<Message>([&](Message::Builder head) {
    head.setIncarnation(incarnation);
    head.initGrant().setCredit(credit);
  });
}

Frame encode_probe(std::uint64_t incarnation, std::uint64_t offset) {
  return make_frame<Message>([&](Message::Builder head) {
    head.setIncarnation(incarnation);
    head.initProbe().setOffset(offset);
  });
}

Frame encode_open(std::uint64_t incarnation, const std::string& name, std::uint64_t opener) {
  return make_frame<Message>([&](Message::Builder head) {
    head.setIncarnation(incarnation);
    auto open = head.initOpen();
    open.setName(name);
    open.setOpener(opener);
  });
}

Frame encode_end(std::uint64_t incarnation, ChannelSide by, const ChannelEnd& end,
                 std::uint64_t offset) {
  return make_frame<Message>([&](Message::Builder head) {
    head.setIncarnation(incarnation);
    auto out = head.initEnd();
    out.setKind(encode_kind(end.kind));
    out.setOffset(offset);
    out.setByReceiver(by == ChannelSide::receiver);
    out.setReason(one_line(end.reason));
  });
}

}  // namespace troupe::runtime
