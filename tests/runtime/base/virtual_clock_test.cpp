#include "runtime/base/virtual_clock.hpp"

#include <chrono>

using std::chrono::seconds;
using troupe::Error;
using troupe::TimePoint;
using troupe::VirtualClock;

TEST_CASE("VirtualClock: stands still until it is moved, and only goes forward") {
  VirtualClock clock{TimePoint{seconds{10}}};
  CHECK(clock.now() == TimePoint{seconds{10}});
  clock.advance(seconds{2});
  CHECK(clock.now() == TimePoint{seconds{12}});
  clock.set(TimePoint{seconds{20}});
  clock.set(TimePoint{seconds{20}});
  CHECK(clock.now() == TimePoint{seconds{20}});
  CHECK_THROWS_AS(clock.set(TimePoint{seconds{19}}), Error);
  CHECK_THROWS_AS(clock.advance(seconds{-1}), Error);
  CHECK(clock.now() == TimePoint{seconds{20}});
}
