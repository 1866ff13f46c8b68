#include <signal.h>
#include <unistd.h>

#include <future>

#include "runtime/actor/channel.hpp"
#include "tests/support/channel_actors.hpp"
#include "tests/support/node_fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

using Kind = ChannelEnd::Kind;

struct Channeled : NodeFixture {
  void begin(bool source_far, bool sink_far) {
    ChildSpec source = child("source", "source");
    ChildSpec sink = child("sink", "sink");
    if (source_far) source = isolated(source);
    if (sink_far) sink = isolated(sink);
    start({source, sink});
    CHECK((row("/source").pid != ::getpid()) == source_far);
    CHECK((row("/sink").pid != ::getpid()) == sink_far);
  }
  ChannelTally ask(const std::string& path, const std::string& what) {
    return tally_of(
        node->ask<wire::Poke>(path, poke_frame(what, "/sink"), std::chrono::minutes{2}));
  }
  /// A channel in mid-transfer, and what its source will say of its end.
  std::future<ChannelTally> begin_endless() {
    auto ends = std::async(std::launch::async, [this] { return ask("/source", "endless"); });
    CHECK(ask("/sink", "items").items > 0);
    return ends;
  }
  static void check_end(const ChannelTally& tally, Kind kind, const std::string& reason) {
    CHECK(tally.kind == static_cast<int>(kind));
    CHECK(tally.reason.find(reason) != std::string::npos);
    CHECK(tally.wrong == 0);
    CHECK(tally.ended == tally.begun);
  }
  /// A whole transfer; both ends were told of so many ends since they were started.
  void check_transfer(std::uint64_t of_source, std::uint64_t of_sink) {
    const ChannelTally sent = ask("/source", "transfer");
    check_end(sent, Kind::finished, "");
    CHECK(sent.items == item_count);
    CHECK(sent.ended == of_source);
    const ChannelTally came = ask("/sink", "end");
    check_end(came, Kind::finished, "");
    CHECK(came.items == item_count);
    CHECK(came.ended == of_sink);
    // CH-4, with the source's queue, which takes an item while there is room.
    const std::uint64_t largest = channel_item(11).bytes().size();
    CHECK(came.most <= std::max(sink_window_bytes + piece_bytes, largest));
    CHECK(sent.most < source_queue_bytes + largest);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Channeled,
                  "Channels across: items of all sizes arrive once, in order and whole") {
  SUBCASE("to a worker") {
    begin(false, true);
  }
  SUBCASE("from a worker") {
    begin(true, false);
  }
  SUBCASE("from one worker to another") {
    begin(true, true);
  }
  check_transfer(1, 1);
  check_transfer(2, 2);
}

TEST_CASE_FIXTURE(Channeled, "Channels across: either side may abort, and both hear why, once") {
  SUBCASE("to a worker") {
    begin(false, true);
  }
  SUBCASE("from a worker") {
    begin(true, false);
  }
  std::uint64_t channels = 0;
  for (const auto& [side, why] :
       {std::pair{"/source", "the source gives up"}, {"/sink", "the sink has enough"}}) {
    auto ends = begin_endless();
    ask(side, "abort");
    check_end(ends.get(), Kind::aborted, why);
    check_end(ask("/sink", "end"), Kind::aborted, why);
    channels += 2;
    check_transfer(channels, channels);
  }
}

TEST_CASE_FIXTURE(Channeled,
                  "Channels across: the end that lives is told once that a worker died") {
  SUBCASE("the sink's") {
    begin(false, true);
    auto ends = begin_endless();
    ::kill(static_cast<pid_t>(row("/sink").pid), SIGKILL);
    check_end(ends.get(), Kind::lost, "SIGKILL");
    REQUIRE(node->wait_until_running("/sink", std::chrono::minutes{1}));
    check_transfer(2, 1);
  }
  SUBCASE("the source's") {
    begin(true, false);
    auto ends = begin_endless();
    ::kill(static_cast<pid_t>(row("/source").pid), SIGKILL);
    CHECK_THROWS(ends.get());
    check_end(ask("/sink", "end"), Kind::lost, "SIGKILL");
    REQUIRE(node->wait_until_running("/source", std::chrono::minutes{1}));
    check_transfer(1, 2);
  }
}
