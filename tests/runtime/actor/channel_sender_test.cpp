#include "runtime/actor/channel_sender.hpp"

#include "runtime/base/error.hpp"
#include "tests/runtime/actor/channel_wiring.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

ChannelSenderOptions sender_options(std::uint64_t queued, std::uint64_t cut) {
  ChannelSenderOptions options;
  options.max_queued_bytes = queued;
  options.cut_above_bytes = cut;
  return options;
}

}  // namespace

TEST_CASE("ChannelSender: takes items up to its bound, and says when it takes more") {
  ChannelPair pair{sender_options(256, 0)};
  const Frame item = numbered_item(1, 64);
  REQUIRE(item.bytes().size() == 192);
  pair.sender.send(item);
  CHECK(pair.sender.can_send());
  pair.sender.send(item);
  CHECK_FALSE(pair.sender.can_send());
  CHECK_THROWS_WITH_AS(pair.sender.send(item),
                       "channel: expected less than 256 bytes in its queue, got 384", Error);
  CHECK(pair.to_receiver.empty());
  CHECK(pair.writable == 0);
  pair.receiver.grant();
  pair.settle();
  CHECK(pair.writable == 1);
  CHECK(pair.items.size() == 2);
  CHECK(pair.sender.queued_bytes() == 0);
}

TEST_CASE("ChannelSender: a whole item is handed over as the very frame (CH-9)") {
  ChannelPair pair{sender_options(1 << 20, 0)};
  pair.receiver.grant();
  pair.settle();
  const Frame item = numbered_item(1, 1 << 20);
  pair.sender.send(item);
  pair.settle();
  REQUIRE(pair.items.size() == 1);
  CHECK(pair.items[0].bytes().data() == item.bytes().data());
}

TEST_CASE("ChannelSender: beside its message goes what needs no cut, and what does is cut") {
  ChannelSenderOptions options = sender_options(1 << 20, 1024);
  options.whole_beside = true;
  ChannelPair pair{options};
  pair.receiver.grant();
  pair.settle();
  const Frame small = numbered_item(1, 1024 - 128);
  const Frame large = numbered_item(2, 1024);
  REQUIRE(small.bytes().size() == 1024);
  pair.sender.send(small);
  pair.sender.send(large);
  pair.settle();
  REQUIRE(pair.items.size() == 2);
  CHECK(pair.items[0].bytes().data() == small.bytes().data());
  CHECK(pair.items[1].bytes().data() != large.bytes().data());
  CHECK(std::ranges::equal(pair.items[1].bytes(), large.bytes()));
}

TEST_CASE("ChannelSender: finish ends both sides once all was received (CH-7)") {
  ChannelPair pair;
  pair.sender.send(numbered_item(1, 100));
  pair.sender.finish();
  pair.sender.finish();
  CHECK_THROWS_AS(pair.sender.send(numbered_item(2, 1)), Error);
  pair.settle();
  CHECK(pair.sender_ends.empty());
  pair.receiver.grant();
  pair.settle();
  CHECK(pair.items.size() == 1);
  REQUIRE(pair.sender_ends.size() == 1);
  REQUIRE(pair.receiver_ends.size() == 1);
  CHECK(pair.sender_ends[0].kind == ChannelEnd::Kind::finished);
  CHECK(pair.receiver_ends[0].kind == ChannelEnd::Kind::finished);
}

TEST_CASE("ChannelSender: abort drops what is queued and gives both sides the reason (CH-7)") {
  ChannelPair pair;
  pair.sender.send(numbered_item(1, 100));
  pair.sender.abort("no more\ndata");
  pair.sender.abort("again");
  pair.sender.peer_exited({});
  pair.receiver.grant();
  pair.settle();
  CHECK(pair.items.empty());
  REQUIRE(pair.sender_ends.size() == 1);
  REQUIRE(pair.receiver_ends.size() == 1);
  CHECK(pair.receiver_ends[0].kind == ChannelEnd::Kind::aborted);
  CHECK(pair.receiver_ends[0].reason == "no more?data");
  CHECK(pair.sender.queued_bytes() == 0);
  CHECK(pair.sender.drops().after_end == 1);
}

TEST_CASE(
    "ChannelSender: grants that are repeated or of another life change nothing (CH-3, CH-6)") {
  ChannelPair pair{sender_options(1 << 20, 64)};
  ChannelReceiverOptions other;
  other.incarnation = 9;
  ChannelPair stale{{}, other};
  stale.receiver.grant();
  pair.sender.send(numbered_item(1, 1000));
  pair.sender.handle(stale.to_sender.front().message);
  CHECK(pair.to_receiver.empty());
  CHECK(pair.sender.drops().stale == 1);
  pair.receiver.grant();
  pair.receiver.grant();
  pair.settle();
  CHECK(pair.sender.drops().repeated == 1);
  CHECK(pair.items.size() == 1);
}

TEST_CASE("ChannelSender: malformed messages and a peer's death end it with the reason") {
  ChannelPair malformed;
  malformed.sender.handle(numbered_item(1, 1));
  REQUIRE(malformed.sender_ends.size() == 1);
  CHECK(malformed.sender_ends[0].kind == ChannelEnd::Kind::failed);
  malformed.settle();
  CHECK(malformed.receiver_ends.size() == 1);

  ChannelPair lost;
  lost.sender.peer_exited({runtime::ExitKind::killed, "SIGKILL"});
  REQUIRE(lost.sender_ends.size() == 1);
  CHECK(lost.sender_ends[0].kind == ChannelEnd::Kind::lost);
  CHECK(lost.sender_ends[0].reason == "the receiver has ended, killed: SIGKILL");
  CHECK_THROWS_AS(lost.sender.send(numbered_item(1, 1)), Error);
}
