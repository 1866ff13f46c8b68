#include "runtime/actor/channels.hpp"

#include <capnp/message.h>

#include <chrono>
#include <map>
#include <random>

#include "runtime/actor/actor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/malformed_frame.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// Does, at each Poke, what the test wants done in its turn.
struct Player final : Actor {
  using Play = std::function<void(Player&)>;
  Player(Context& its_context, Play begin, Play& poked, const ChannelsOptions& options)
      : context{its_context}, channels{context, options}, begin_{std::move(begin)}, poked_{poked} {}
  void handles(Handlers& on) override {
    channels.handles(on);
    on.tell<wire::Poke>([this](const Frame&) { poked_(*this); });
    if (begin_) begin_(*this);
  }

  Context& context;
  Channels channels;
  std::map<int, ChannelOut> outs;
  std::map<int, ChannelIn> ins;
  std::int64_t next = 0;

 private:
  Play begin_;
  Play& poked_;
};

std::int64_t amount_of(const Frame& item) {
  std::int64_t amount = 0;
  serialization::read_head<wire::Add>(item,
                                      [&](wire::Add::Reader head) { amount = head.getAmount(); });
  return amount;
}

struct Fixture {
  explicit Fixture(std::uint64_t seed = 0) : seed_{seed} {}

  /// Of a type of its own, which begins so each time it is started.
  void add(const std::string& name, Player::Play begin = {}) {
    registry.add(ActorType{name,
                           "Plays.",
                           {},
                           [this, begin](Context& context, const Parameters&) {
                             return std::make_unique<Player>(context, begin, poked, options);
                           },
                           "application"});
    spec.children.push_back(child(name, name));
  }
  void start() {
    spec.intensity = 1000;
    node.emplace(registry, seed_);
    node->start(spec);
  }
  void in(const std::string& name, Player::Play play) {
    poked = std::move(play);
    node->tell<wire::Poke>("/" + name, poke_frame(""));
    node->run();
  }
  Player::Play collect() {
    return [this](Player& player) {
      player.channels.accept("items", [this](ChannelIn in) {
        in.on_item([this](Frame item) {
          received.push_back(amount_of(item));
          blocks.push_back(item.bytes().data());
        });
        in.on_ended([this](const ChannelEnd& end) { sink_ends.push_back(end); });
      });
    };
  }
  /// In the source: opens a channel and sends `count` numbers as there is room.
  void open(Player& player, std::int64_t count, ChannelOutOptions with = {}) {
    player.outs[0] = player.channels.open(player.context.ref("sink"), "items", with);
    player.next = 0;
    auto fill = [this, &player, out = player.outs[0], count]() mutable {
      while (player.next < count && out.can_send()) out.send(add_frame(player.next++));
      most_queued = std::max(most_queued, out.queued_bytes());
      if (player.next == count && !out.ended()) out.finish();
    };
    player.outs[0].on_writable(fill);
    player.outs[0].on_ended([this](const ChannelEnd& end) { source_ends.push_back(end); });
    fill();
  }
  void check_prefix() const {
    for (std::size_t i = 0; i < received.size(); ++i)
      REQUIRE(received[i] == static_cast<std::int64_t>(i));
  }

  Registry registry;
  SupervisorSpec spec;
  ChannelsOptions options;
  Player::Play poked;
  std::vector<std::int64_t> received;
  std::vector<const std::byte*> blocks;
  std::vector<ChannelEnd> sink_ends, source_ends;
  std::uint64_t most_queued = 0;
  std::optional<TestNode> node;

 private:
  const std::uint64_t seed_;
};

using Kind = ChannelEnd::Kind;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Channels: thousands of items arrive in order, then both ends hear it") {
  add("sink", collect());
  add("source");
  start();
  in("source", [&](Player& player) { open(player, 5000); });
  CHECK(received.size() == 5000);
  check_prefix();
  REQUIRE(source_ends.size() == 1);
  REQUIRE(sink_ends.size() == 1);
  CHECK(source_ends[0].kind == Kind::finished);
  CHECK(sink_ends[0].kind == Kind::finished);
  in("source", [](Player& player) {
    CHECK(player.channels.size() == 0);
    CHECK(player.outs[0].ended());
    CHECK_THROWS_AS(player.outs[0].send(add_frame(1)), Error);
  });
}

TEST_CASE_FIXTURE(Fixture, "Channels: within a process an item arrives as the very Frame") {
  add("sink", collect());
  add("source");
  start();
  const Frame item = add_frame(0);
  in("source",
     [&](Player& player) { player.channels.open(player.context.ref("sink"), "items").send(item); });
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0] == item.bytes().data());
}

TEST_CASE_FIXTURE(Fixture,
                  "Channels: a slow sink holds the source back, and memory stays bounded") {
  const std::uint64_t size = add_frame(0).bytes().size();
  std::uint64_t most_unconsumed = 0;
  add("sink", [&](Player& player) {
    ChannelInOptions with;
    with.window_bytes = 8 * size;
    with.consume_on_return = false;
    player.channels.accept(
        "items",
        [&](ChannelIn in) {
          in.on_item([&, in](Frame item) mutable {
            received.push_back(amount_of(item));
            most_unconsumed = std::max(most_unconsumed, in.unconsumed_bytes());
            player.context.after(10ms, [in, size]() mutable { in.consumed(size); });
          });
        },
        with);
  });
  add("source");
  start();
  ChannelOutOptions with;
  with.max_queued_bytes = 4 * size;
  in("source", [&](Player& player) { open(player, 1000, with); });
  CHECK(received.size() == 8);
  node->advance(100ms);
  CHECK(received.size() > 8);
  CHECK(received.size() < 200);
  node->advance(5s);
  CHECK(received.size() == 1000);
  check_prefix();
  CHECK(most_queued <= 4 * size);
  CHECK(most_unconsumed <= 8 * size);
  REQUIRE(source_ends.size() == 1);
  CHECK(source_ends[0].kind == Kind::finished);
}

TEST_CASE_FIXTURE(Fixture, "Channels: an opening that is not accepted ends with the reason") {
  add("sink", collect());
  add("bare");
  add("source");
  start();
  std::map<std::string, ChannelEnd> ends;
  in("source", [&](Player& player) {
    for (const auto& [to, name] : std::map<std::string, std::string>{
             {"sink", "others"}, {"bare", "items"}, {"nobody", "items"}}) {
      player.channels.open(player.context.ref(to), name)
          .on_ended([&ends, to = to](const ChannelEnd& end) { ends.emplace(to, end); });
    }
  });
  REQUIRE(ends.size() == 3);
  CHECK(ends["sink"].reason.find("it accepts no channel \"others\"") != std::string::npos);
  CHECK(ends["bare"].reason.find("it accepts no channel \"items\"") != std::string::npos);
  CHECK(ends["nobody"].reason.find("/nobody is not running") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "Channels: the death of either side ends it once, with the reason") {
  add("sink", collect());
  add("source");
  start();
  const auto begin = [&](Player& player) {
    open(player, 1);
    player.outs[0] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[0].on_ended([this](const ChannelEnd& end) { source_ends.push_back(end); });
    player.outs[0].send(add_frame(1));
  };
  in("source", begin);
  REQUIRE(sink_ends.size() == 1);  // the first channel
  source_ends.clear();
  sink_ends.clear();
  SUBCASE("the source's") {
    node->kill("/source", "for the test");
    node->run();
    REQUIRE(sink_ends.size() == 1);
    CHECK(sink_ends[0].kind == Kind::lost);
    CHECK(sink_ends[0].reason.find("for the test") != std::string::npos);
  }
  SUBCASE("the sink's") {
    node->kill("/sink", "for the test");
    node->run();
    REQUIRE(source_ends.size() == 1);
    CHECK(source_ends[0].kind == Kind::lost);
    CHECK(source_ends[0].reason.find("for the test") != std::string::npos);
  }
  node->advance(1s);
  received.clear();
  in("source", [&](Player& player) { open(player, 100); });
  CHECK(received.size() == 100);
  check_prefix();
  CHECK(source_ends.back().kind == Kind::finished);
}

TEST_CASE_FIXTURE(Fixture, "Channels: either side may abort, and the other hears why") {
  add("sink", [&](Player& player) {
    player.channels.accept("items", [&](ChannelIn in) {
      in.on_item([in](Frame item) mutable {
        if (amount_of(item) == 3) in.abort("enough");
        if (amount_of(item) == 9) throw serialization::MalformedFrame{"no number"};
      });
      in.on_ended([this](const ChannelEnd& end) { sink_ends.push_back(end); });
    });
  });
  add("source");
  start();
  in("source", [&](Player& player) { open(player, 10); });
  REQUIRE(source_ends.size() == 1);
  CHECK(source_ends[0].kind == Kind::aborted);
  CHECK(source_ends[0].reason == "enough");
  in("source", [&](Player& player) {
    player.outs[1] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[1].on_ended([this](const ChannelEnd& end) { source_ends.push_back(end); });
    player.outs[1].send(add_frame(9));
  });
  REQUIRE(source_ends.size() == 2);
  CHECK(source_ends[1].reason == "an item was malformed: no number");
  in("source", [&](Player& player) {
    player.outs[1] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[1].send(add_frame(1));
  });
  in("source", [&](Player& player) { player.outs[1].abort("I gave up"); });
  REQUIRE(sink_ends.size() == 3);
  CHECK(sink_ends[2].reason == "I gave up");
}

TEST_CASE_FIXTURE(Fixture, "Channels: one actor has several, to others and to itself") {
  std::map<std::string, std::vector<std::int64_t>> by_name;
  const auto accepts = [&](Player& player) {
    for (const std::string name : {"a", "b"}) {
      player.channels.accept(name, [&by_name, name, &player](ChannelIn in) {
        in.on_item([&by_name, name, &player](Frame item) {
          by_name[player.context.path() + name].push_back(amount_of(item));
        });
      });
    }
  };
  add("sink", accepts);
  add("source", accepts);
  start();
  int finished = 0;
  in("source", [&](Player& player) {
    int number = 0;
    for (const char* const to : {"sink", "source"}) {
      for (const char* const name : {"a", "b"}) {
        ChannelOut out = player.channels.open(player.context.ref(to), name);
        out.on_ended([&](const ChannelEnd& end) { finished += end.kind == Kind::finished; });
        out.send(add_frame(++number));
        out.send(add_frame(10 + number));
        out.finish();
      }
    }
  });
  CHECK(finished == 4);
  CHECK(by_name["/sinka"] == std::vector<std::int64_t>{1, 11});
  CHECK(by_name["/sinkb"] == std::vector<std::int64_t>{2, 12});
  CHECK(by_name["/sourcea"] == std::vector<std::int64_t>{3, 13});
  CHECK(by_name["/sourceb"] == std::vector<std::int64_t>{4, 14});
}

TEST_CASE_FIXTURE(Fixture, "Channels: their number is bounded at both sides") {
  options.max_channels = 2;
  add("sink", collect());
  add("source");
  add("other");
  start();
  const auto open_two = [](Player& player) {
    player.outs[0] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[1] = player.channels.open(player.context.ref("sink"), "items");
    CHECK_THROWS_AS(player.channels.open(player.context.ref("sink"), "items"), Error);
  };
  in("source", open_two);
  in("other", open_two);
  in("source", [](Player& player) { CHECK_FALSE(player.outs[0].ended()); });
  in("other", [](Player& player) { CHECK(player.outs[0].ended()); });
}

TEST_CASE_FIXTURE(Fixture,
                  "Channels: a message that was lost is found out, also if it was the last") {
  add("sink", collect());
  add("source");
  start();
  in("source", [&](Player& player) {
    player.outs[0] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[0].on_ended([this](const ChannelEnd& end) { source_ends.push_back(end); });
  });
  MessageFault fault;
  fault.from = "/source";
  fault.to = "/sink";
  SUBCASE("a gap") {
    node->add_fault(fault);
    in("source", [](Player& player) {
      for (int i = 0; i < 3; ++i) player.outs[0].send(add_frame(i));
    });
  }
  SUBCASE("the last") {
    node->add_fault(fault);
    in("source", [](Player& player) { player.outs[0].send(add_frame(0)); });
    CHECK(source_ends.empty());
    node->advance(6s);
  }
  REQUIRE(source_ends.size() == 1);
  REQUIRE(sink_ends.size() == 1);
  CHECK(source_ends[0].kind == Kind::failed);
  CHECK(source_ends[0].reason.find("a message was lost") != std::string::npos);
  CHECK(received.empty());
}

TEST_CASE_FIXTURE(Fixture, "Channels: the loss of the end, or of its answer, costs only time") {
  add("sink", collect());
  add("source");
  start();
  in("source", [&](Player& player) {
    player.outs[0] = player.channels.open(player.context.ref("sink"), "items");
    player.outs[0].on_ended([this](const ChannelEnd& end) { source_ends.push_back(end); });
    player.outs[0].send(add_frame(0));
  });
  MessageFault fault;
  SUBCASE("the end") {
    fault.to = "/sink";
    fault.from = "/source";
  }
  SUBCASE("the answer") {
    fault.to = "/source";
    fault.from = "/sink";
  }
  node->add_fault(fault);
  in("source", [](Player& player) { player.outs[0].finish(); });
  CHECK(source_ends.empty());
  node->advance(6s);
  REQUIRE(source_ends.size() == 1);
  CHECK(source_ends[0].kind == Kind::finished);
  CHECK(sink_ends.size() == 1);
}

TEST_CASE("Channels: under random faults items arrive once and in order, or the end has a reason") {
  std::size_t whole = 0;
  std::size_t broken = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Fixture f{seed};
    std::mt19937 random{static_cast<std::uint32_t>(seed)};
    f.add("sink", [&f](Player& player) {
      ChannelInOptions with;
      with.window_bytes = 4096;
      player.channels.accept(
          "items",
          [&f](ChannelIn in) {
            in.on_item([&f](Frame item) { f.received.push_back(amount_of(item)); });
            in.on_ended([&f](const ChannelEnd& end) { f.sink_ends.push_back(end); });
          },
          with);
    });
    f.add("source");
    f.start();
    for (int i = 0; i < 3; ++i) {
      MessageFault fault;
      fault.kind = static_cast<MessageFault::Kind>(random() % 3);
      if (seed % 3 == 0) fault.kind = MessageFault::Kind::duplicate;
      fault.from = random() % 2 == 0 ? "/source" : "/sink";
      fault.to = "*";
      fault.probability = 0.02;
      fault.delay = std::chrono::milliseconds{random() % 2000};
      fault.count = 1 + random() % 4;
      f.node->add_fault(fault);
    }
    ChannelOutOptions with;
    with.max_queued_bytes = 2048;
    f.in("source", [&](Player& player) { f.open(player, 300, with); });
    if (random() % 8 == 0) f.node->kill("/sink");
    f.node->advance(3s);
    f.node->clear_faults();
    f.node->advance(120s);

    f.check_prefix();
    REQUIRE(f.source_ends.size() == 1);
    REQUIRE(f.sink_ends.size() <= 1);
    if (f.source_ends[0].kind == Kind::finished) {
      CHECK(f.received.size() == 300);
      ++whole;
    } else {
      CHECK_FALSE(f.source_ends[0].reason.empty());
      ++broken;
    }
    f.received.clear();  // a new one goes through
    f.in("source", [&](Player& player) { f.open(player, 300, with); });
    f.node->advance(10s);
    CHECK(f.received.size() == 300);
    f.check_prefix();
  }
  CHECK(whole >= 10);
  CHECK(broken >= 5);
}
