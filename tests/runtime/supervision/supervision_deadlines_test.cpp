#include <chrono>
#include <memory>
#include <string>

#include "runtime/supervision/backoff.hpp"
#include "runtime/supervision/supervision.hpp"
#include "tests/runtime/supervision/played.hpp"

using namespace std::chrono_literals;
using namespace troupe::runtime;
using troupe::Duration;
using troupe::TimePoint;
using troupe::runtime::test::child;
using troupe::runtime::test::Played;
using troupe::runtime::test::supervisor;

namespace {

constexpr auto failed = ExitKind::failed;

ChildSpec above(std::string name, std::vector<ChildSpec> children, Duration stop_within = 5s) {
  ChildSpec spec = child(std::move(name));
  spec.stop_within = stop_within;
  spec.supervisor =
      std::make_shared<SupervisorSpec>(supervisor(Strategy::one_for_one, std::move(children)));
  return spec;
}

}  // namespace

TEST_CASE("Deadlines: a child that is not up in time is killed and has failed (SUP-6)") {
  ChildSpec slow = child("slow");
  slow.start_within = 2s;
  Played s{supervisor(Strategy::one_for_one, {slow, child("b")}, 1)};
  s.start();
  CHECK(s.supervision.next_due() == s.now + 2s);
  CHECK(s.after(2s - 1ns) == "");
  CHECK(s.after(1ns) == "kill slow#1, start slow#2");
  CHECK(s.status("slow").last_exit->kind == ExitKind::killed);
  CHECK(s.status("slow").last_exit->reason == "did not start within 2s");
  s.supervision.ended("slow", 1, {ExitKind::killed, ""}, s.now);  // fenced
  CHECK(s.actions() == "");
  CHECK(s.after(2s) ==
        "kill slow#2, finish failed: slow ended (killed: did not start within 2s); "
        "2 restarts within 5s, 1 allowed");
}

TEST_CASE("Deadlines: what is reported at the deadline itself counts first (SUP-6)") {
  Played s{supervisor(Strategy::one_for_one, {child("a")})};
  s.start();
  s.now += 30s;
  CHECK(s.up("a") == "started");
  CHECK(s.stop() == "stop a#1");
  s.now += 5s;
  CHECK(s.end("a", ExitKind::shutdown) == "finish shutdown: asked");
}

TEST_CASE("Deadlines: a child that does not stop in time is killed, then the next (SUP-2, SUP-6)") {
  ChildSpec quick = child("quick");
  quick.stop_within = 0s;
  Played s{supervisor(Strategy::one_for_one, {child("a"), quick, child("c")})};
  s.all_up();
  CHECK(s.stop() == "stop c#3");
  CHECK(s.supervision.next_due() == s.now + 5s);
  CHECK(s.after(5s - 1ns) == "");
  CHECK(s.after(1ns) == "kill c#3, stop quick#2");
  CHECK(s.status("c").last_exit->reason == "did not stop within 5s");
  CHECK(s.supervision.next_due() == s.now);
  CHECK(s.after(0s) == "kill quick#2, stop a#1");
  CHECK(s.after(5s) == "kill a#1, finish shutdown: asked");
  CHECK(!s.supervision.next_due());
}

TEST_CASE(
    "Deadlines: one that is to be stopped but hangs in its start is killed for that (SUP-6)") {
  ChildSpec slow = child("slow");
  slow.start_within = 2s;
  Played s{supervisor(Strategy::one_for_all, {child("a"), slow, child("c")}, 1)};
  s.start();
  s.up("a");
  CHECK(s.end("a", failed) == "stop slow#2");
  CHECK(s.after(2s) == "");  // asked to stop: that deadline counts
  CHECK(s.after(3s) == "kill slow#2, start a#3");
  CHECK(s.states() == "a starting, slow waiting, c waiting");
}

TEST_CASE("Deadlines: a supervisor has time to stop its children (SUP-6)") {
  CHECK(effective_stop_within(child("a")) == 5s);
  CHECK(effective_stop_within(above("a", {})) == 5s);
  CHECK(effective_stop_within(above("a", {child("x"), child("y")})) == 11s);
  CHECK(effective_stop_within(above("a", {child("x"), child("y")}, 60s)) == 60s);
  CHECK(effective_stop_within(above("a", {child("x"), above("b", {child("y"), child("z")})})) ==
        17s);
  ChildSpec never = child("x");
  never.stop_within = Duration::max();
  CHECK(effective_stop_within(above("a", {never, never})) == Duration::max());

  Played s{supervisor(Strategy::one_for_one, {above("a", {child("x"), child("y")})})};
  s.all_up();
  s.stop();
  CHECK(s.supervision.next_due() == s.now + 11s);
  Played endless{supervisor(Strategy::one_for_one, {never})};
  endless.all_up();
  endless.stop();
  CHECK(!endless.supervision.next_due());
}

TEST_CASE("Backing off: waits longer with each failure in a row, exactly (SUP-7)") {
  SupervisorSpec spec = supervisor(Strategy::one_for_one, {child("a"), child("b")}, 100);
  spec.backoff.first = 100ms;
  spec.backoff.limit = 1s;
  Played s{spec};
  s.all_up();
  for (const Duration wait : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    CHECK(s.end("a", failed) == "");
    CHECK(s.states() == "a backing_off, b running");
    CHECK(s.supervision.next_due() == s.now + wait);
    CHECK(s.after(wait - 1ns) == "");
    CHECK(s.after(1ns).starts_with("start a#"));
    s.up("a");
  }
  s.after(5s - 1ns);  // the period; longer than the limit
  s.end("a", failed);
  CHECK(s.supervision.next_due() == s.now + 1s);
  s.after(1s);
  s.up("a");
  s.after(5s);
  s.end("a", failed);
  CHECK(s.supervision.next_due() == s.now + 100ms);
}

TEST_CASE("Backing off: the whole group of one_for_all waits, from the failure on (SUP-7, SUP-8)") {
  SupervisorSpec spec = supervisor(Strategy::one_for_all, {child("a"), child("b")});
  spec.backoff.first = 100ms;
  Played s{spec};
  s.all_up();
  CHECK(s.end("b", failed) == "stop a#1");
  s.after(40ms);
  CHECK(s.end("a", ExitKind::shutdown) == "");
  CHECK(s.states() == "a waiting, b backing_off");
  CHECK(s.after(60ms - 1ns) == "");
  CHECK(s.after(1ns) == "start a#3");
  CHECK(s.up("a") == "start b#4");

  // A group that stops for longer than the backoff starts when it has stopped.
  s.up("b");
  s.end("b", failed);
  CHECK(s.after(1s) == "");
  CHECK(!(s.supervision.next_due() < s.now));
  CHECK(s.end("a", ExitKind::shutdown) == "start a#5");
}

TEST_CASE("Backing off: in rest_for_one those before go on, those after wait (SUP-7, SUP-8)") {
  SupervisorSpec spec = supervisor(Strategy::rest_for_one, {child("a"), child("b"), child("c")});
  spec.backoff.first = 100ms;
  Played s{spec};
  s.all_up();
  s.end("b", failed);
  CHECK(s.end("c", ExitKind::shutdown) == "");
  CHECK(s.states() == "a running, b backing_off, c waiting");
  s.after(50ms);
  CHECK(s.end("a", failed) == "");
  CHECK(s.after(50ms) == "");  // b's turn comes after a's
  CHECK(s.after(50ms) == "start a#4");
  CHECK(s.up("a") == "start b#5");
}

TEST_CASE("Backing off: jitter comes from the seed, the name and the restart alone (SUP-7)") {
  SupervisorSpec spec = supervisor(Strategy::one_for_one, {child("a"), child("b")});
  spec.backoff = {100ms, 30s, 2.0, 0.5};
  Played s{spec, 42};
  s.all_up();
  s.end("b", failed);
  const TimePoint due = s.now + backoff_delay(spec.backoff, 0, jitter_share(42, "b", 1));
  CHECK(s.supervision.next_due() == due);
  CHECK(due > s.now + 50ms);
  CHECK(due < s.now + 100ms);
}

TEST_CASE("Time: does not go back") {
  Played s{supervisor(Strategy::one_for_one, {child("a")})};
  s.all_up();
  const TimePoint late = s.now += 1s;
  s.after(0s);
  s.now -= 1h;
  CHECK(s.end("a", failed) == "start a#2");
  CHECK(s.status("a").since == late);
}
