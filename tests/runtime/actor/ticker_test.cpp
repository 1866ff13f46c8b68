#include "runtime/actor/ticker.hpp"

#include <chrono>
#include <future>

#include "runtime/base/error.hpp"
#include "runtime/base/virtual_clock.hpp"

using namespace std::chrono_literals;
using troupe::SteadyClock;
using troupe::TimePoint;
using troupe::VirtualClock;
using troupe::runtime::tick_of;
using troupe::runtime::Ticker;
using troupe::runtime::TimerTable;

TEST_CASE("Ticker: deadlines between two ticks share the later one") {
  CHECK(tick_of(TimePoint{1ms + 1ns}, 1ms) == TimePoint{2ms});
  CHECK(tick_of(TimePoint{2ms - 1ns}, 1ms) == TimePoint{2ms});
  CHECK(tick_of(TimePoint{2ms}, 1ms) == TimePoint{2ms});
  CHECK(tick_of(TimePoint{-1ns}, 1ms) == TimePoint{0ms});
  CHECK(tick_of(TimePoint{-1ms}, 1ms) == TimePoint{-1ms});
  CHECK(tick_of(TimePoint::max(), 1ms) == TimePoint::max());
}

TEST_CASE("Ticker: runs timers that are added before and after it, not before they are due") {
  const SteadyClock clock;
  TimerTable table;
  std::promise<TimePoint> before;
  std::promise<TimePoint> after;
  const TimePoint start = clock.now();
  table.add(start + 3ms, [&] { before.set_value(clock.now()); });
  const Ticker ticker{table, clock};
  auto first = before.get_future();
  REQUIRE(first.wait_for(1min) == std::future_status::ready);
  CHECK(first.get() >= start + 3ms);

  // It sleeps with nothing to wait for, then with something far off, and is woken.
  table.add(TimePoint::max(), [] {});
  const TimePoint soon = clock.now() + 2ms;
  table.add(soon, [&] { after.set_value(clock.now()); });
  auto second = after.get_future();
  REQUIRE(second.wait_for(1min) == std::future_status::ready);
  CHECK(second.get() >= soon);
  CHECK(table.next_due() == TimePoint::max());
}

TEST_CASE("Ticker: asks its clock, not the machine's, what is due") {
  VirtualClock clock{TimePoint{1h}};
  TimerTable table;
  std::promise<void> ran;
  const Ticker ticker{table, clock};
  table.add(TimePoint{2h}, [&] { ran.set_value(); });
  clock.advance(1h);
  table.add(TimePoint{1h}, [] {});  // wakes it
  CHECK(ran.get_future().wait_for(1min) == std::future_status::ready);
}

TEST_CASE("Ticker: ends at once, whatever there is to wait for, and leaves it in the table") {
  const SteadyClock clock;
  TimerTable table;
  { const Ticker ticker{table, clock}; }
  table.add(clock.now() + 24h, [] {});
  { const Ticker ticker{table, clock}; }
  CHECK(table.next_due().has_value());
}

TEST_CASE("Ticker: a granularity that is not positive is refused") {
  const SteadyClock clock;
  TimerTable table;
  CHECK_THROWS_AS(Ticker(table, clock, 0ms), troupe::Error);
}
