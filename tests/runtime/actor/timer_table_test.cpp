#include "runtime/actor/timer_table.hpp"

#include <chrono>
#include <memory>
#include <thread>

using std::chrono::nanoseconds;
using troupe::TimePoint;
using troupe::runtime::TimerId;
using troupe::runtime::TimerTable;

namespace {
TimePoint at(std::int64_t time) {
  return TimePoint{nanoseconds{time}};
}
}  // namespace

TEST_CASE("TimerTable: runs what is due in the order of its time, then of adding") {
  TimerTable table;
  std::string ran;
  table.add(at(20), [&] { ran += 'c'; });
  table.add(at(10), [&] { ran += 'a'; });
  table.add(at(10), [&] { ran += 'b'; });
  table.add(at(21), [&] { ran += 'd'; });
  CHECK(table.next_due() == at(10));
  CHECK(table.run_due(at(9)) == 0);
  CHECK(table.run_due(at(20)) == 3);
  CHECK(ran == "abc");
  CHECK(table.next_due() == at(21));
  CHECK(table.run_due(at(21)) == 1);
  CHECK(ran == "abcd");
  CHECK_FALSE(table.next_due().has_value());
}

TEST_CASE("TimerTable: what was cancelled never runs, and what it held is let go") {
  TimerTable table;
  const auto held = std::make_shared<int>(0);
  const TimerId id = table.add(at(10), [held] { ++*held; });
  CHECK(held.use_count() == 2);
  CHECK(table.cancel(id));
  CHECK(held.use_count() == 1);
  CHECK_FALSE(table.cancel(id));
  CHECK_FALSE(table.cancel(TimerId{999}));
  CHECK(table.run_due(at(100)) == 0);
  CHECK(*held == 0);
}

TEST_CASE("TimerTable: a callback may cancel another that is due, but not itself") {
  TimerTable table;
  TimerId first{};
  TimerId second{};
  bool cancelled_itself = true;
  bool cancelled_other = false;
  first = table.add(at(10), [&] {
    cancelled_itself = table.cancel(first);
    cancelled_other = table.cancel(second);
  });
  second = table.add(at(10), [] { FAIL("it was cancelled"); });
  CHECK(table.run_due(at(10)) == 1);
  CHECK_FALSE(cancelled_itself);
  CHECK(cancelled_other);
}

TEST_CASE("TimerTable: what a callback adds waits for the next call, even if it is due") {
  TimerTable table;
  int ran = 0;
  std::function<void()> again = [&] {
    ++ran;
    table.add(at(0), again);
  };
  table.add(at(0), again);
  CHECK(table.run_due(at(10)) == 1);
  CHECK(table.run_due(at(10)) == 1);
  CHECK(ran == 2);
}

TEST_CASE("TimerTable: tells when the earliest timer has become earlier, and only then") {
  TimerTable table;
  int told = 0;
  table.on_earlier([&] { ++told; });
  const TimerId first = table.add(at(10), [] {});
  CHECK(told == 1);
  table.add(at(10), [] {});
  table.add(at(11), [] {});
  table.cancel(first);
  CHECK(told == 1);
  table.add(at(9), [] {});
  CHECK(told == 2);
  table.on_earlier({});
  table.add(at(8), [] {});
  CHECK(told == 2);
}

TEST_CASE("TimerTable: a timer either runs or is cancelled, whoever is first") {
  TimerTable table;
  constexpr int timers = 2000;
  std::vector<TimerId> ids;
  std::vector<int> ran(timers);
  for (int i = 0; i < timers; ++i) {
    ids.push_back(table.add(at(i), [&ran, i] { ++ran[i]; }));
  }
  std::thread runner{[&] {
    for (int time = 0; time < timers; ++time) table.run_due(at(time));
  }};
  std::vector<int> cancelled(timers);
  for (int i = timers - 1; i >= 0; --i) cancelled[i] = table.cancel(ids[i]) ? 1 : 0;
  runner.join();
  for (int i = 0; i < timers; ++i) CHECK(ran[i] + cancelled[i] == 1);
}
