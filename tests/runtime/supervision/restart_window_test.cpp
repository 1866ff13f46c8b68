#include "runtime/supervision/restart_window.hpp"

#include <chrono>

using namespace std::chrono_literals;
using troupe::Duration;
using troupe::TimePoint;
using troupe::runtime::RestartWindow;

namespace {

TimePoint at(Duration since_start) {
  return TimePoint{} + since_start;
}

}  // namespace

TEST_CASE("Restart window: allows the intensity within the period, and not one more (SUP-4)") {
  RestartWindow window{2, 5s};
  CHECK(window.allows(at(1s)));
  CHECK(window.allows(at(2s)));
  CHECK_FALSE(window.allows(at(6s)));  // the first is 5 s old and counts
  CHECK(window.count() == 3);
}

TEST_CASE("Restart window: what is older than the period by a nanosecond counts no more (SUP-4)") {
  RestartWindow window{2, 5s};
  CHECK(window.allows(at(1s)));
  CHECK(window.allows(at(2s)));
  CHECK(window.allows(at(6s + 1ns)));
  CHECK(window.count() == 2);
  CHECK_FALSE(window.allows(at(7s)));
  CHECK(window.allows(at(100s)));
  CHECK(window.count() == 1);
}

TEST_CASE("Restart window: an intensity of 0 allows none, and times stay bounded") {
  RestartWindow window{0, 5s};
  for (int n = 0; n < 10; ++n) CHECK_FALSE(window.allows(at(1s)));
  CHECK(window.count() == 1);
}

TEST_CASE("Restart window: a period of 0 counts what happens at one instant") {
  RestartWindow window{1, 0s};
  CHECK(window.allows(at(1s)));
  CHECK(window.allows(at(1s + 1ns)));
  CHECK_FALSE(window.allows(at(1s + 1ns)));
}
