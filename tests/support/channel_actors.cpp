#include "tests/support/channel_actors.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/channels.hpp"
#include "runtime/actor/context.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::test {

using namespace runtime;
using serialization::make_frame;
using serialization::read_head;

namespace {

Frame item_of(std::uint64_t number, std::size_t payload_bytes) {
  std::vector<std::byte> payload(payload_bytes);
  std::uint64_t state = number;
  for (std::byte& byte : payload) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::byte>(state >> 56);
  }
  return make_frame<wire::Total>([&](wire::Total::Builder head) { head.setIncarnation(number); },
                                 payload);
}

Frame to_frame(const ChannelTally& tally) {
  return make_frame<wire::Tally>([&](wire::Tally::Builder head) {
    head.setItems(tally.items);
    head.setWrong(tally.wrong);
    head.setMost(tally.most);
    head.setBegun(tally.begun);
    head.setEnded(tally.ended);
    head.setKind(static_cast<std::uint8_t>(tally.kind));
    head.setReason(tally.reason);
  });
}

void note(ChannelTally& tally, const ChannelEnd& end) {
  ++tally.ended;
  tally.kind = static_cast<int>(end.kind);
  tally.reason = end.reason;
}

class Source final : public Actor {
 public:
  Source(Context& context, const Parameters&) : context_{context}, channels_{context} {}
  void handles(Handlers& on) override {
    channels_.handles(on);
    on.ask<wire::Poke>([this](const Frame& frame, Reply reply) {
      const PokeOrder order{frame};
      if (order.what == "transfer" || order.what == "endless") {
        begin(context_.ref(order.whom), order.what == "endless");
        return waiting_.add(std::move(reply));
      }
      if (order.what == "abort") out_.abort("the source gives up");
      reply.answer(to_frame(tally_));
    });
  }

 private:
  void begin(const Ref& sink, bool endless) {
    endless_ = endless;
    ++tally_.begun;
    tally_.items = 0;
    ChannelOutOptions options;
    options.max_queued_bytes = source_queue_bytes;
    out_ = channels_.open(sink, "items", options);
    out_.on_writable([this] { fill(); });
    out_.on_ended([this](const ChannelEnd& end) {
      note(tally_, end);
      waiting_.answer(to_frame(tally_));
    });
    fill();
  }
  void fill() {
    while (out_.can_send() && (endless_ || tally_.items < item_count)) {
      out_.send(channel_item(tally_.items++));
      tally_.most = std::max(tally_.most, out_.queued_bytes());
    }
    if (!endless_ && tally_.items == item_count && !out_.ended()) out_.finish();
  }

  Context& context_;
  Channels channels_;
  ChannelOut out_;
  ChannelTally tally_;
  bool endless_ = false;
  Waiters waiting_;
};

class Sink final : public Actor {
 public:
  Sink(Context& context, const Parameters&) : context_{context}, channels_{context} {}
  void handles(Handlers& on) override {
    channels_.handles(on);
    ChannelInOptions options;
    options.window_bytes = sink_window_bytes;
    options.consume_on_return = false;
    channels_.accept(
        "items", [this](ChannelIn in) { accept(std::move(in)); }, options);
    on.ask<wire::Poke>([this](const Frame& frame, Reply reply) {
      const std::string what = PokeOrder{frame}.what;
      if (what == "abort") in_.abort("the sink has enough");
      if (what == "items" && !receives()) return for_items_.add(std::move(reply));
      if (what == "end" && !ended()) return for_end_.add(std::move(reply));
      reply.answer(to_frame(tally_));
    });
  }

 private:
  bool receives() const { return in_ && !in_.ended() && tally_.items > 0; }
  bool ended() const { return tally_.begun > 0 && tally_.ended >= tally_.begun; }

  void accept(ChannelIn in) {
    in_ = std::move(in);
    ++tally_.begun;
    tally_.items = 0;
    in_.on_item([this, in = in_](const Frame& item) mutable { take(in, item); });
    in_.on_ended([this](const ChannelEnd& end) {
      note(tally_, end);
      for_end_.answer(to_frame(tally_));
    });
  }
  void take(ChannelIn& in, const Frame& item) {
    const Frame due = channel_item(tally_.items++);
    const std::size_t size = item.bytes().size();
    const bool same = size == due.bytes().size() &&
                      std::memcmp(item.bytes().data(), due.bytes().data(), size) == 0;
    if (!same) ++tally_.wrong;
    tally_.most = std::max(tally_.most, in.unconsumed_bytes());
    context_.after(std::chrono::milliseconds{20},
                   [in, item]() mutable { in.consumed(item.bytes().size()); });
    for_items_.answer(to_frame(tally_));
  }

  Context& context_;
  Channels channels_;
  ChannelIn in_;
  ChannelTally tally_;
  Waiters for_items_, for_end_;
};

}  // namespace

Frame channel_item(std::uint64_t number) {
  static const std::size_t around =
      item_of(0, 0).bytes().size();  // head and table, which are whole
  constexpr std::size_t step = Frame::alignment;
  const std::array<std::size_t, 12> payloads = {1,
                                                7,
                                                step,
                                                4096,
                                                piece_bytes - around - step,
                                                piece_bytes - around,
                                                piece_bytes - around + step,
                                                200'000,
                                                2 * piece_bytes - around,
                                                2 * piece_bytes - around + step,
                                                0,
                                                8 * piece_bytes};
  return item_of(number, payloads[number % payloads.size()]);
}

ChannelTally tally_of(const Answer& answer) {
  ChannelTally tally;
  read_head<wire::Tally>(answer.frame(), [&](wire::Tally::Reader head) {
    tally = {head.getItems(), head.getWrong(), head.getMost(),         head.getBegun(),
             head.getEnded(), head.getKind(),  head.getReason().cStr()};
  });
  return tally;
}

void add_channel_actors(Registry& registry) {
  registry.add<Source>("source", "Sends items through a channel.");
  registry.add<Sink>("sink", "Expects the source's items.");
}

}  // namespace troupe::test
