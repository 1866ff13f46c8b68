#include "runtime/telemetry/log_budget.hpp"

#include <chrono>

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

TEST_CASE("LogBudget: a second's worth goes at once, then what time allows; the rest is counted") {
  TimePoint now{};
  LogBudget budget{1000, now};
  CHECK(budget.take(600, now));
  CHECK(budget.take(400, now));
  CHECK_FALSE(budget.take(1, now));
  CHECK_FALSE(budget.take(1, now));
  CHECK(budget.take_left_out() == 2);
  CHECK(budget.take_left_out() == 0);
  now += 100ms;
  CHECK(budget.take(100, now));
  CHECK_FALSE(budget.take(100, now));
  now += 1h;
  CHECK(budget.take(1000, now));
  CHECK_FALSE(budget.take(1, now));
  CHECK_FALSE(budget.take(1, now - 1s));  // time that runs backwards gives nothing
  CHECK(budget.take_left_out() == 3);
  now += 2s;
  CHECK_FALSE(budget.take(1001, now));
}
