#include "runtime/supervision/supervision.hpp"

#include <chrono>
#include <map>
#include <string>

#include "runtime/base/error.hpp"
#include "tests/runtime/supervision/played.hpp"

using namespace std::chrono_literals;
using namespace troupe::runtime;
using troupe::Error;
using troupe::runtime::test::child;
using troupe::runtime::test::Played;
using troupe::runtime::test::supervisor;

namespace {

constexpr std::array strategies{Strategy::one_for_one, Strategy::one_for_all,
                                Strategy::rest_for_one};
constexpr auto failed = ExitKind::failed;
constexpr auto shutdown = ExitKind::shutdown;

SupervisorSpec abc(Strategy strategy, Restart b = Restart::permanent, std::uint32_t intensity = 3) {
  return supervisor(strategy, {child("a"), child("b", b), child("c")}, intensity);
}

/// SUP-3
bool restarts(Restart restart, ExitKind kind) {
  static const std::map<Restart, std::map<ExitKind, bool>> table{{Restart::permanent,
                                                                  {{ExitKind::normal, true},
                                                                   {ExitKind::shutdown, true},
                                                                   {ExitKind::failed, true},
                                                                   {ExitKind::killed, true},
                                                                   {ExitKind::lost, true}}},
                                                                 {Restart::transient,
                                                                  {{ExitKind::normal, false},
                                                                   {ExitKind::shutdown, false},
                                                                   {ExitKind::failed, true},
                                                                   {ExitKind::killed, true},
                                                                   {ExitKind::lost, true}}},
                                                                 {Restart::temporary,
                                                                  {{ExitKind::normal, false},
                                                                   {ExitKind::shutdown, false},
                                                                   {ExitKind::failed, false},
                                                                   {ExitKind::killed, false},
                                                                   {ExitKind::lost, false}}}};
  return table.at(restart).at(kind);
}

void for_each_case(const std::function<void(Strategy, Restart, ExitKind)>& check) {
  for (const Strategy strategy : strategies)
    for (const Restart restart : {Restart::permanent, Restart::transient, Restart::temporary})
      for (const ExitKind kind : {ExitKind::normal, ExitKind::shutdown, ExitKind::failed,
                                  ExitKind::killed, ExitKind::lost}) {
        CAPTURE(to_string(strategy));
        CAPTURE(to_string(restart));
        CAPTURE(to_string(kind));
        check(strategy, restart, kind);
      }
}

}  // namespace

TEST_CASE("Supervision: children start in order, each when the one before is up (SUP-1)") {
  for (const Strategy strategy : strategies) {
    Played s{abc(strategy)};
    CHECK(s.states() == "a waiting, b waiting, c waiting");
    CHECK(s.after(1h) == "");
    CHECK(s.start() == "start a#1");
    CHECK(s.start() == "");
    CHECK(s.after(10s) == "");
    CHECK(s.states() == "a starting, b waiting, c waiting");
    CHECK(s.up("a") == "start b#2");
    CHECK(s.up("a") == "");
    CHECK(s.up("b") == "start c#3");
    CHECK(s.up("c") == "started");
    CHECK(s.states() == "a running, b running, c running");
    CHECK(!s.supervision.next_due());
  }
  Played none{supervisor(Strategy::one_for_one, {})};
  CHECK(none.start() == "started");
}

TEST_CASE("Supervision: a child that ends before it is up counts by its exit (SUP-1, SUP-3)") {
  Played s{abc(Strategy::one_for_one, Restart::transient)};
  s.start();
  CHECK(s.end("a", ExitKind::normal) == "start a#2");
  CHECK(s.up("a") == "start b#3");
  CHECK(s.end("b", ExitKind::normal) == "start c#4");
  CHECK(s.up("c") == "started");
  CHECK(s.states() == "a running, b ended, c running");

  Played t{abc(Strategy::one_for_one, Restart::temporary)};
  t.start();
  t.up("a");
  CHECK(t.end("b", failed) == "start c#3");
  CHECK(t.states() == "a running, c starting");
}

TEST_CASE("Supervision: children stop in reverse order, one at a time (SUP-2, SUP-9)") {
  for (const Strategy strategy : strategies) {
    Played s{abc(strategy)};
    s.all_up();
    CHECK(s.stop() == "stop c#3");
    CHECK(s.stop() == "");
    CHECK(s.states() == "a running, b running, c stopping");
    CHECK(s.end("c", shutdown) == "stop b#2");
    CHECK(s.end("b", failed) == "stop a#1");  // however it ended
    CHECK(!s.supervision.finished());
    CHECK(s.end("a", shutdown) == "finish shutdown: asked");
    CHECK(s.supervision.finished());
    CHECK(s.stop() + s.start() + s.after(1h) + s.add(child("d")) == "");
    CHECK(s.states() == "a ended, b ended, c ended");
  }
}

TEST_CASE("Supervision: who is restarted, for each strategy, restart and exit (SUP-3, SUP-8)") {
  for_each_case([](Strategy strategy, Restart restart, ExitKind kind) {
    Played s{abc(strategy, restart)};
    s.all_up();
    const std::string first = s.end("b", kind);
    if (!restarts(restart, kind)) {
      CHECK(first == "");
      CHECK(s.states() == (restart == Restart::temporary ? "a running, c running"
                                                         : "a running, b ended, c running"));
      return;
    }
    switch (strategy) {
      case Strategy::one_for_one:
        CHECK(first == "start b#4");
        CHECK(s.up("b") == "");
        break;
      case Strategy::one_for_all:
        CHECK(first == "stop c#3");
        CHECK(s.end("c", shutdown) == "stop a#1");
        CHECK(s.end("a", shutdown) == "start a#4");
        CHECK(s.up("a") == "start b#5");
        CHECK(s.up("b") == "start c#6");
        CHECK(s.up("c") == "");
        break;
      case Strategy::rest_for_one:
        CHECK(first == "stop c#3");
        CHECK(s.end("c", shutdown) == "start b#4");
        CHECK(s.up("b") == "start c#5");
        CHECK(s.up("c") == "");
        break;
    }
    CHECK(s.states() == "a running, b running, c running");
    CHECK(s.status("b").restarts == 1);
    CHECK(s.status("b").last_exit->kind == kind);
  });
}

TEST_CASE("Supervision: one restart too many, and it stops all and fails (SUP-4, SUP-9)") {
  for_each_case([](Strategy strategy, Restart restart, ExitKind kind) {
    Played s{abc(strategy, restart, 0)};
    s.all_up();
    const std::string first = s.end("b", kind);
    if (!restarts(restart, kind)) {
      CHECK(first == "");
      return;
    }
    CHECK(first == "stop c#3");
    CHECK(s.end("c", failed) == "stop a#1");
    CHECK(s.stop() == "");  // the first cause stands
    CHECK(s.end("a", shutdown) == "finish failed: b ended (" + std::string{to_string(kind)} +
                                      ": why); 1 restarts within 5s, 0 allowed");
    CHECK(s.states() ==
          (restart == Restart::temporary ? "a ended, c ended" : "a ended, b ended, c ended"));
  });
}

TEST_CASE("Supervision: the intensity counts causes, within the period and its bounds (SUP-4)") {
  for (const troupe::Duration late : {0ns, 1ns}) {
    Played s{abc(Strategy::one_for_all, Restart::permanent, 2)};
    s.all_up();
    const auto fail_once = [&](const char* name) {
      const std::string first = s.end(name, failed);
      for (const char* other : {"c", "b", "a"})
        if (s.status(other).state == ChildState::stopping) s.end(other, shutdown);
      for (const char* each : {"a", "b", "c"}) s.up(each);
      return first;
    };
    CHECK(fail_once("b") == "stop c#3");
    s.after(1s);
    CHECK(fail_once("a") == "stop c#6");
    CHECK(s.status("a").restarts == 2);
    s.after(4s + late);
    fail_once("c");
    CHECK(s.supervision.finished() == (late == 0ns));
    if (late > 0ns) CHECK(s.states() == "a running, b running, c running");
  }
}

TEST_CASE("Supervision: a failure to start counts, the initial one too (SUP-4)") {
  Played s{abc(Strategy::one_for_one, Restart::permanent, 2)};
  s.start();
  s.up("a");
  CHECK(s.end("b", failed) == "start b#3");
  CHECK(s.end("b", failed) == "start b#4");
  CHECK(s.end("b", failed, "no file") == "stop a#1");
  CHECK(s.end("a", shutdown) ==
        "finish failed: b ended (failed: no file); 3 restarts within 5s, 2 allowed");
}

TEST_CASE("Supervision: reports of another incarnation change nothing (SUP-5)") {
  Played s{abc(Strategy::one_for_one)};
  s.all_up();
  s.end("b", failed);
  const std::string before = s.states();
  s.supervision.started("b", 2, s.now);
  s.supervision.ended("b", 2, {failed, "late"}, s.now);
  s.supervision.ended("b", 99, {failed, "never was"}, s.now);
  s.supervision.ended("nobody", 1, {failed, ""}, s.now);
  CHECK(s.actions() == "");
  CHECK(s.states() == before);
  CHECK(s.status("b").last_exit->reason == "why");
  CHECK(s.supervision.ignored() == 4);
}

TEST_CASE("Supervision: in one_for_one a failed sibling holds back nobody (SUP-1, SUP-7)") {
  SupervisorSpec spec = abc(Strategy::one_for_one);
  spec.backoff.first = 100ms;
  Played s{spec};
  s.start();
  s.up("a");
  CHECK(s.end("a", failed) == "");
  CHECK(s.up("b") == "start c#3");
  CHECK(s.up("c") == "");
  CHECK(s.states() == "a backing_off, b running, c running");
  CHECK(s.after(100ms) == "start a#4");
  CHECK(s.up("a") == "started");
}

TEST_CASE("Supervision: a group forgets its temporary children, restarts ended ones (SUP-8)") {
  for (const Strategy strategy : {Strategy::one_for_all, Strategy::rest_for_one}) {
    Played s{supervisor(strategy, {child("a"), child("t", Restart::temporary),
                                   child("e", Restart::transient), child("z")})};
    s.all_up();
    CHECK(s.end("e", ExitKind::normal) == "");
    CHECK(s.end("a", failed) == "stop z#4");
    CHECK(s.states() == "a backing_off, t running, e waiting, z stopping");
    CHECK(s.end("z", shutdown) == "stop t#2");
    CHECK(s.end("t", shutdown) == "start a#5");
    CHECK(s.up("a") == "start e#6");
    CHECK(s.up("e") == "start z#7");
    CHECK(s.states() == "a running, e running, z starting");
  }
}

TEST_CASE("Supervision: a failure while the group stops loses no child (SUP-3, SUP-8)") {
  Played s{supervisor(Strategy::one_for_all, {child("a"), child("b"), child("c"), child("d")}, 1)};
  s.all_up();
  CHECK(s.end("b", failed) == "stop d#4");
  CHECK(s.end("c", failed) == "");  // was to be stopped: does not count
  CHECK(s.end("a", failed) == "");
  CHECK(s.states() == "a waiting, b backing_off, c waiting, d stopping");
  CHECK(s.end("d", shutdown) == "start a#5");

  // One before the group was not to be stopped: it counts, and widens the group.
  Played r{supervisor(Strategy::rest_for_one, {child("a"), child("b"), child("c"), child("d")}, 2)};
  r.all_up();
  CHECK(r.end("c", failed) == "stop d#4");
  CHECK(r.end("a", failed) == "");
  CHECK(r.end("d", shutdown) == "stop b#2");
  CHECK(r.end("b", shutdown) == "start a#5");
  r.up("a"), r.up("b"), r.up("c");
  CHECK(r.up("d") == "");
  CHECK(r.end("d", failed) == "stop c#7");  // the third
}

TEST_CASE("Supervision: a failure while the group starts restarts it once more (SUP-4, SUP-8)") {
  Played s{abc(Strategy::one_for_all, Restart::permanent, 2)};
  s.all_up();
  s.end("c", failed);
  s.end("b", shutdown);
  CHECK(s.end("a", shutdown) == "start a#4");
  CHECK(s.up("a") == "start b#5");
  CHECK(s.end("a", failed) == "stop b#5");
  CHECK(s.up("b") == "");
  CHECK(s.end("b", shutdown) == "start a#6");
  CHECK(s.states() == "a starting, b waiting, c backing_off");
  CHECK(s.end("a", failed) ==
        "finish failed: a ended (failed: why); 3 restarts within 5s, 2 allowed");
}

TEST_CASE("Supervision: stop() wins over whatever goes on, and ends in one finish (SUP-9)") {
  SUBCASE("before the start") {
    Played s{abc(Strategy::one_for_one)};
    CHECK(s.stop() == "finish shutdown: asked");
    CHECK(s.start() == "");
  }
  SUBCASE("while starting") {
    Played s{abc(Strategy::one_for_one)};
    s.start();
    s.up("a");
    CHECK(s.stop() == "stop b#2");
    CHECK(s.up("b") == "");
    CHECK(s.end("b", failed) == "stop a#1");
    CHECK(s.end("a", shutdown) == "finish shutdown: asked");
  }
  SUBCASE("while backing off") {
    SupervisorSpec spec = supervisor(Strategy::one_for_one, {child("a")});
    spec.backoff.first = 1s;
    Played s{spec};
    s.all_up();
    s.end("a", failed);
    CHECK(s.stop() == "finish shutdown: asked");
    CHECK(s.after(1s) == "");
    CHECK(!s.supervision.next_due());
  }
  SUBCASE("while a group stops") {
    Played s{abc(Strategy::one_for_all)};
    s.all_up();
    s.end("b", failed);
    CHECK(s.stop() == "");
    CHECK(s.end("c", shutdown) == "stop a#1");
    CHECK(s.end("a", shutdown) == "finish shutdown: asked");
  }
  SUBCASE("while a group starts") {
    Played s{abc(Strategy::rest_for_one)};
    s.all_up();
    s.end("b", failed);
    s.end("c", shutdown);
    CHECK(s.stop() == "stop b#4");
    CHECK(s.end("b", shutdown) == "stop a#1");
    CHECK(s.end("a", shutdown) == "finish shutdown: asked");
  }
}

TEST_CASE("Supervision: children come and go while it runs (SUP-10)") {
  for (const Strategy strategy : strategies) {
    Played s{abc(strategy)};
    s.all_up();
    CHECK(s.add(child("d")) == "start d#4");
    CHECK(s.add(child("e")) == "");
    CHECK(s.up("d") == "start e#5");
    s.up("e");
    CHECK(s.remove("b") == "stop b#2");
    CHECK(s.remove("b") == "");
    CHECK(s.end("b", failed) == "");
    CHECK(s.states() == "a running, c running, d running, e running");
    CHECK_FALSE(s.supervision.remove_child("b", s.now));
    CHECK_THROWS_AS(s.add(child("a")), Error);
    CHECK(s.supervision.find_spec("d")->name == "d");
    CHECK(s.supervision.find_spec("b") == nullptr);
  }
}

TEST_CASE("Supervision: a name that is being removed is taken once it is gone (SUP-5, SUP-10)") {
  Played s{abc(Strategy::one_for_one)};
  s.all_up();
  CHECK(s.remove("b") == "stop b#2");
  CHECK(s.add(child("b", Restart::transient)) == "");
  CHECK(s.end("b", shutdown) == "start b#4");
  s.up("b");
  CHECK(s.end("b", ExitKind::normal) == "");
  CHECK(s.states() == "a running, b ended, c running");
  CHECK(s.remove("b") == "");
  CHECK(s.states() == "a running, c running");
}

TEST_CASE("Supervision: scales replicas up in order, down from the end (SUP-10)") {
  Played s{supervisor(Strategy::one_for_one, {child("front")})};
  s.all_up();
  CHECK(s.scale(3) == "start 0#2");
  CHECK(s.up("0") == "start 1#3");
  CHECK(s.up("1") == "start 2#4");
  CHECK(s.up("2") == "");
  CHECK(s.scale(3) == "");
  CHECK(s.scale(1) == "stop 2#4");
  CHECK(s.scale(2) == "");  // 1 goes, since it was told to, and comes again
  CHECK(s.end("2", shutdown) == "stop 1#3");
  CHECK(s.end("1", shutdown) == "start 1#5");
  CHECK(s.states() == "front running, 0 running, 1 starting");
  CHECK_THROWS_AS(s.scale(Supervision::max_children), Error);
  CHECK(s.states() == "front running, 0 running, 1 starting");
}

TEST_CASE("Supervision: what is malformed is refused by name") {
  const auto refused = [](const SupervisorSpec& spec, const std::string& message) {
    CHECK_THROWS_WITH_AS((Played{spec}), message.c_str(), Error);
  };
  refused(supervisor(Strategy::one_for_one, {child("a"), child("a")}),
          "child a: expected a name of its own, got one that is taken");
  refused(supervisor(Strategy::one_for_one, {child("")}),
          "child: expected a name, got an empty one");
  SupervisorSpec spec = abc(Strategy::one_for_one);
  spec.children[1].stop_within = -5ms;
  refused(spec, "child b: stop_within: expected a duration >= 0, got -5ms");
  spec = abc(Strategy::one_for_one);
  spec.backoff.factor = 0.5;
  refused(spec, "supervisor: backoff.factor: expected a number >= 1, got 0.500000");
  spec.backoff = {1s, 1s, 1.0, std::nan("")};
  refused(spec, "supervisor: backoff.jitter: expected a share of 0 to 1, got nan");
}
