#include "runtime/actor/faults.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "tests/support/fake_mailbox.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

using Kind = MessageFault::Kind;

struct Fixture {
  VirtualClock clock;
  TimerTable timers;
  Faults faults{timers, clock, 5};
  Name a{"/a"}, b{"/b"};
  std::shared_ptr<FakeMailbox> mailbox = std::make_shared<FakeMailbox>();

  /// A tell from /a to /b; of the type, to know it again.
  bool pass(std::uint64_t type = 0, EnvelopeKind kind = EnvelopeKind::tell) {
    Envelope envelope;
    envelope.kind = kind;
    envelope.type = type;
    envelope.from = &a;
    envelope.from_incarnation = 3;
    envelope.to_incarnation = 4;
    return faults.pass(envelope, b, mailbox);
  }
  std::string passed(Faults& which, int messages) {
    std::string all;
    for (int k = 0; k < messages; ++k) {
      Envelope envelope;
      envelope.from = &a;
      all += which.pass(envelope, b, mailbox) ? '.' : 'x';
    }
    return all;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Faults: a rule hits as many messages as it says, then it is gone") {
  CHECK_FALSE(faults.any());
  faults.add({Kind::drop, "/a", "/b", 1.0, {}, 2});
  CHECK(faults.any());
  CHECK_FALSE(pass());
  CHECK_FALSE(pass());
  CHECK_FALSE(faults.any());
  CHECK(pass());
}

TEST_CASE_FIXTURE(Fixture, "Faults: a rule is for those that it names") {
  faults.add({Kind::drop, "/b", "/a", 1.0, {}, 1});
  faults.add({Kind::drop, "/a", "/a", 1.0, {}, 1});
  faults.add({Kind::drop, "/", "*", 1.0, {}, 1});
  CHECK(pass());
  Envelope outside;
  faults.add({Kind::drop, "/a", "*", 1.0, {}, 1});
  CHECK(faults.pass(outside, b, mailbox));
  CHECK_FALSE(pass());
  faults.clear();
  CHECK_FALSE(faults.any());
  faults.add({Kind::drop, "*", "*", 1.0, {}, 1});
  CHECK_FALSE(faults.pass(outside, b, mailbox));
}

TEST_CASE_FIXTURE(Fixture, "Faults: a delayed message comes back at its time, as it was") {
  faults.add({Kind::delay, "*", "*", 1.0, 2s, 1});
  CHECK_FALSE(pass(77, EnvelopeKind::ask));
  CHECK(pass(78));
  timers.run_due(TimePoint{} + 2s - 1ns);
  CHECK(mailbox->depth() == 0);
  timers.run_due(TimePoint{} + 2s);
  const std::vector<Envelope> came = mailbox->take();
  REQUIRE(came.size() == 1);
  CHECK(came[0].kind == EnvelopeKind::ask);
  CHECK(came[0].type == 77);
  CHECK(came[0].from == &a);
  CHECK(came[0].from_incarnation == 3);
  CHECK(came[0].to_incarnation == 4);
}

TEST_CASE_FIXTURE(Fixture, "Faults: a delayed message for an actor that is gone goes nowhere") {
  faults.add({Kind::delay, "*", "*", 1.0, 2s, 1});
  pass();
  mailbox.reset();
  CHECK(timers.run_due(TimePoint{} + 2s) == 1);
}

TEST_CASE_FIXTURE(Fixture, "Faults: a tell is duplicated, an ask is not") {
  faults.add({Kind::duplicate, "*", "*", 1.0, {}, 2});
  CHECK(pass(77));
  CHECK(pass(78, EnvelopeKind::ask));
  const std::vector<Envelope> came = mailbox->take();
  REQUIRE(came.size() == 1);
  CHECK(came[0].type == 77);
  CHECK(came[0].from == &a);
  CHECK(came[0].from_incarnation == 3);
  CHECK(came[0].to_incarnation == 4);
}

TEST_CASE_FIXTURE(Fixture, "Faults: the seed decides whom a probable rule hits") {
  const auto schedule = [&](std::uint64_t seed) {
    Faults each{timers, clock, seed};
    each.add({Kind::drop, "*", "*", 0.5, {}, 1000});
    return passed(each, 200);
  };
  CHECK(schedule(1) == schedule(1));
  CHECK(schedule(1) != schedule(2));
  const std::string hits = schedule(1);
  const auto dropped = std::count(hits.begin(), hits.end(), 'x');
  CHECK(dropped > 60);
  CHECK(dropped < 140);
  Faults never{timers, clock, 1};
  never.add({Kind::drop, "*", "*", 0.0, {}, 1});
  CHECK(passed(never, 50) == std::string(50, '.'));
}

TEST_CASE_FIXTURE(Fixture, "Faults: rules come and go while messages pass on other threads") {
  std::vector<std::thread> threads;
  for (int k = 0; k < 2; ++k)
    threads.emplace_back([this] {
      for (int message = 0; message < 2000; ++message) pass();
    });
  for (int k = 0; k < 500; ++k) {
    faults.add({Kind::duplicate, "*", "/b", 1.0, {}, 1});
    faults.add({Kind::delay, "/a", "*", 1.0, 1s, 1});
    if (k % 10 == 0) faults.clear();
  }
  for (std::thread& thread : threads) thread.join();
  faults.clear();
  CHECK_FALSE(faults.any());
  CHECK(pass());
}
