#include "runtime/actor/channel_receiver.hpp"

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "runtime/actor/channel_protocol.hpp"
#include "runtime/base/error.hpp"
#include "tests/runtime/actor/channel_wiring.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

ChannelReceiverOptions receiver_options(std::uint64_t window, std::uint64_t most,
                                        bool automatic = true) {
  ChannelReceiverOptions options;
  options.window_bytes = window;
  options.max_item_bytes = most;
  options.consume_on_return = automatic;
  return options;
}

bool same(const Frame& a, const Frame& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

std::string reason_of(const ChannelPair& pair) {
  REQUIRE(pair.receiver_ends.size() == 1);
  CHECK(pair.receiver_ends[0].kind == ChannelEnd::Kind::failed);
  return pair.receiver_ends[0].reason;
}

}  // namespace

TEST_CASE(
    "ChannelReceiver: an item of one piece is used where it arrived, one of many is put together") {
  ChannelSenderOptions options;
  options.cut_above_bytes = 1024;
  ChannelPair pair{options};
  pair.receiver.grant();
  pair.settle();
  const Frame small = numbered_item(1, 500), large = numbered_item(2, 5000);
  pair.sender.send(small);
  REQUIRE(pair.to_receiver.size() == 1);
  const std::byte* const arrived = pair.to_receiver[0].message.payload(0).data();
  pair.sender.send(large);
  CHECK(pair.to_receiver.size() == 7);
  pair.settle();
  REQUIRE(pair.items.size() == 2);
  CHECK(pair.items[0].bytes().data() == arrived);
  CHECK(same(pair.items[0], small));
  CHECK(same(pair.items[1], large));
}

TEST_CASE("ChannelReceiver: grants by quarters of the window as items are consumed") {
  ChannelPair pair{{}, receiver_options(1024, 1 << 20, false)};
  pair.receiver.grant();
  pair.settle();
  for (int i = 0; i < 8; ++i) pair.sender.send(numbered_item(1, 64));  // 192 bytes each
  pair.settle();
  CHECK(pair.items.size() == 6);  // the sixth begins below byte 1024 (CH-3)
  pair.receiver.consumed(192);
  CHECK(pair.to_sender.empty());
  pair.receiver.consumed(192);
  CHECK(pair.to_sender.size() == 1);
  pair.settle();
  CHECK(pair.items.size() == 8);
  CHECK_THROWS_AS(pair.receiver.consumed(10'000), Error);
}

TEST_CASE(
    "ChannelReceiver: an item beyond the window comes through, those behind it wait (CH-4, CH-8)") {
  ChannelSenderOptions options;
  options.cut_above_bytes = 100;
  for (std::size_t size = 64; size < 3000; size += 64) {
    ChannelPair pair{options, receiver_options(1024, 1 << 20, false)};
    pair.receiver.grant();
    const Frame first = numbered_item(1, 300), large = numbered_item(2, size);
    pair.sender.send(first);
    pair.sender.send(large);
    pair.sender.send(numbered_item(3, 5000));
    pair.settle();
    CHECK(pair.receiver.unconsumed_bytes() <= 1024 + 100);
    pair.receiver.consumed(first.bytes().size());
    pair.settle();
    REQUIRE(pair.items.size() == 2);
    CHECK(same(pair.items[1], large));
    CHECK(pair.receiver.unconsumed_bytes() <= std::max<std::size_t>(1124, large.bytes().size()));
  }
}

TEST_CASE("ChannelReceiver: a copy is dropped, a gap ends the channel (CH-2)") {
  ChannelPair pair;
  pair.receiver.grant();
  const Frame item = numbered_item(1, 64);
  const Frame first = runtime::encode_data(0, 0, 192, item.bytes());
  pair.receiver.handle(first);
  pair.receiver.handle(first);
  CHECK(pair.items.size() == 1);
  CHECK(pair.receiver.drops().repeated == 1);
  pair.receiver.handle(runtime::encode_data(7, 999, 192, item.bytes()));
  CHECK(pair.receiver.drops().stale == 1);
  pair.receiver.handle(runtime::encode_data(0, 384, 192, item.bytes()));
  CHECK(reason_of(pair) == "channel: expected byte 192, got 384: a message was lost");
  pair.receiver.handle(first);
  CHECK(pair.receiver.drops().after_end == 1);
}

TEST_CASE("ChannelReceiver: whatever a peer claims ends the channel and takes no memory (CH-5)") {
  const Frame item = numbered_item(1, 64);
  const auto told = [&](const Frame& message, const Frame& beside = {}) {
    ChannelPair pair{{}, receiver_options(1024, 4096)};
    pair.receiver.grant();
    pair.receiver.handle(message, beside);
    CHECK(pair.items.empty());
    return reason_of(pair);
  };
  CHECK(told(runtime::encode_data(0, 0, std::uint64_t{1} << 62, item.bytes())) ==
        "channel: expected an item of 1 to 4096 bytes, got 4611686018427387904");
  CHECK(told(runtime::encode_data(0, 0, 0, item.bytes())) ==
        "channel: expected an item of 1 to 4096 bytes, got 0");
  CHECK(told(runtime::encode_data(0, 0, 100, item.bytes())) ==
        "channel: expected 1 to 100 bytes of an item, got 192");
  CHECK(told(runtime::encode_data(0, 0, 192, {})) ==
        "channel: expected 1 to 192 bytes of an item, got 0");
  CHECK(told(runtime::encode_data(0, 0, 256, {}), item) ==
        "channel: expected a whole item of its size, got 256");
  CHECK(told(runtime::encode_data(0, 0, 64, item.bytes().subspan(128))) ==
        "frame: expected its magic, got other bytes");
  CHECK(told(runtime::encode_grant(0, 5)) == "channel: expected data or the end, got a grant");
  CHECK(told(runtime::encode_end(0, runtime::ChannelSide::sender, {}, 64)) ==
        "channel: expected 64 bytes of whole items, got 0: a message was lost");
  told(item);
  told(Frame{});

  ChannelPair early;
  early.receiver.handle(runtime::encode_data(0, 0, 192, item.bytes()));
  CHECK(reason_of(early) == "channel: expected data below byte 0, got 0");
}

TEST_CASE("ChannelReceiver: over any network that keeps order the channel keeps its promises") {
  std::uint64_t finished = 0, lost = 0, aborted = 0;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto draw = [&](std::uint32_t below) {
      return static_cast<std::uint32_t>(random() % below);
    };
    ChannelSenderOptions s;
    s.incarnation = seed;
    s.max_queued_bytes = 64 + draw(4000);
    s.cut_above_bytes = draw(3) == 0 ? 0 : 1 + draw(700);
    s.whole_beside = draw(2) == 0;
    ChannelReceiverOptions r = receiver_options(64 + draw(2000), 1 << 20, draw(2) == 0);
    r.incarnation = seed;
    ChannelPair pair{s, r};
    std::vector<Frame> sent;
    std::vector<ChannelParcel> seen_by_receiver, seen_by_sender;
    const std::size_t count = 1 + draw(20);
    const bool faults = draw(3) == 0;
    bool sender_lives = true, receiver_lives = true;
    bool sender_told = false, receiver_told = false;  // of the other's death
    std::size_t consumed_items = 0;
    std::uint64_t largest = 0;
    pair.receiver.grant();

    const auto done = [&] {
      return (!sender_lives || pair.sender.ended()) && (!receiver_lives || pair.receiver.ended());
    };
    std::uint32_t rounds = 0;
    for (; !done() && rounds < 100'000; ++rounds) {
      switch (draw(8)) {
        case 0:
          if (sender_lives && sent.size() < count && pair.sender.can_send()) {
            sent.push_back(numbered_item(sent.size(), 1 + draw(draw(4) == 0 ? 6000 : 300)));
            largest = std::max<std::uint64_t>(largest, sent.back().bytes().size());
            pair.sender.send(sent.back());
            if (sent.size() == count) pair.sender.finish();
          }
          break;
        case 1:
        case 2:
          if (!pair.to_receiver.empty() && receiver_lives) {
            seen_by_receiver.push_back(pair.to_receiver.front());
            pair.step_receiver();
          } else if (!sender_lives && receiver_lives && !receiver_told) {
            receiver_told = true;
            pair.receiver.peer_exited({runtime::ExitKind::lost, "gone"});
          }
          break;
        case 3:
          if (!pair.to_sender.empty() && sender_lives) {
            seen_by_sender.push_back(pair.to_sender.front());
            pair.step_sender();
          } else if (!receiver_lives && sender_lives && !sender_told) {
            sender_told = true;
            pair.sender.peer_exited({runtime::ExitKind::lost, "gone"});
          }
          break;
        case 4:  // an old message once more, after whatever came since
          if (!seen_by_receiver.empty() && receiver_lives) {
            const auto& old =
                seen_by_receiver[draw(static_cast<std::uint32_t>(seen_by_receiver.size()))];
            pair.receiver.handle(old.message, old.item);
          }
          if (!seen_by_sender.empty() && sender_lives) {
            pair.sender.handle(
                seen_by_sender[draw(static_cast<std::uint32_t>(seen_by_sender.size()))].message);
          }
          break;
        case 5:
          if (!r.consume_on_return && consumed_items < pair.items.size()) {
            pair.receiver.consumed(pair.items[consumed_items++].bytes().size());
          }
          break;
        case 6:
          if (receiver_lives && draw(10) == 0) pair.receiver.grant();
          break;
        default:
          if (!faults || draw(60) != 0) break;
          switch (draw(4)) {
            case 0:  // what it said last may be lost with it
              if (!receiver_lives) break;
              sender_lives = false;
              pair.to_receiver.resize(
                  draw(static_cast<std::uint32_t>(pair.to_receiver.size() + 1)));
              break;
            case 1:
              if (!sender_lives) break;
              receiver_lives = false;
              pair.to_sender.resize(draw(static_cast<std::uint32_t>(pair.to_sender.size() + 1)));
              break;
            case 2:
              if (sender_lives) pair.sender.abort("enough");
              break;
            default:
              if (receiver_lives) pair.receiver.abort("enough");
          }
      }
      const std::uint64_t message = s.cut_above_bytes == 0 ? largest : s.cut_above_bytes;
      REQUIRE(pair.sender.queued_bytes() < s.max_queued_bytes + largest);
      REQUIRE(pair.receiver.unconsumed_bytes() <= std::max(r.window_bytes + message, largest));
    }
    REQUIRE(done());  // CH-8
    REQUIRE(pair.items.size() <= sent.size());
    for (std::size_t i = 0; i < pair.items.size(); ++i) REQUIRE(same(pair.items[i], sent[i]));
    REQUIRE(pair.sender_ends.size() <= 1);  // CH-7
    REQUIRE(pair.receiver_ends.size() <= 1);
    if (sender_lives) REQUIRE(pair.sender_ends.size() == 1);
    if (receiver_lives) REQUIRE(pair.receiver_ends.size() == 1);
    for (const auto& ends : {pair.sender_ends, pair.receiver_ends}) {
      for (const ChannelEnd& end : ends) {
        REQUIRE(end.kind != ChannelEnd::Kind::failed);
        if (!faults) REQUIRE(end.kind == ChannelEnd::Kind::finished);
        if (end.kind == ChannelEnd::Kind::finished) REQUIRE(pair.items.size() == count);
        finished += end.kind == ChannelEnd::Kind::finished;
        lost += end.kind == ChannelEnd::Kind::lost;
        aborted += end.kind == ChannelEnd::Kind::aborted;
      }
    }
  }
  CHECK(finished > 1000);
  CHECK(lost > 100);
  CHECK(aborted > 100);
}

namespace {

/// Messages from one thread to another.
class Mailbox {
 public:
  void put(const Frame& message, const Frame& item) {
    const std::lock_guard lock{mutex_};
    parcels_.push_back({message, item});
    filled_.notify_one();
  }
  ChannelParcel take() {
    std::unique_lock lock{mutex_};
    if (!filled_.wait_for(lock, std::chrono::minutes{2}, [this] { return !parcels_.empty(); })) {
      throw Error{ErrorCode::bug, "no message came"};
    }
    ChannelParcel parcel = std::move(parcels_.front());
    parcels_.pop_front();
    return parcel;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<ChannelParcel> parcels_;
};

}  // namespace

TEST_CASE("ChannelReceiver: its end and the sender's may live on two threads") {
  constexpr std::uint64_t count = 500;
  for (const std::uint64_t cut : {0, 1000}) {
    Mailbox to_sender, to_receiver;
    std::thread source{[&] {
      std::uint64_t next = 0;
      ChannelSenderOptions options;
      options.max_queued_bytes = 4096;
      options.cut_above_bytes = cut;
      options.emit = [&](const Frame& message, const Frame& item) {
        to_receiver.put(message, item);
      };
      ChannelSender sender{options};
      while (!sender.ended()) {
        while (next < count && sender.can_send()) {
          sender.send(numbered_item(next, 1 + next * 37 % 3000));
          if (++next == count) sender.finish();
        }
        sender.handle(to_sender.take().message);
      }
    }};
    std::uint64_t received = 0, wrong = 0;
    ChannelReceiverOptions options = receiver_options(8192, 1 << 20);
    options.emit = [&](const Frame& message, const Frame& item) { to_sender.put(message, item); };
    options.on_item = [&](const Frame& item) {
      wrong += !same(item, numbered_item(received, 1 + received * 37 % 3000));
      ++received;
    };
    ChannelReceiver receiver{options};
    receiver.grant();
    while (!receiver.ended()) {
      const ChannelParcel parcel = to_receiver.take();
      receiver.handle(parcel.message, parcel.item);
    }
    source.join();
    CHECK(received == count);
    CHECK(wrong == 0);
  }
}
