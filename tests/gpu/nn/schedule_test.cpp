#include "gpu/nn/schedule.hpp"

#include <cstdint>
#include <limits>

#include "runtime/base/error.hpp"

using troupe::Error;
using namespace troupe::gpu::nn;

TEST_CASE("Schedule: the rate rises linearly through the warm-up and then follows its course") {
  const Schedule schedule{0.5, ConstantRate{}, 4};
  CHECK(learning_rate(schedule, 0) == 0.125);
  CHECK(learning_rate(schedule, 2) == 0.375);
  CHECK(learning_rate(schedule, 3) == 0.5);
  CHECK(learning_rate(schedule, 1'000'000) == 0.5);
}

TEST_CASE("Schedule: steps multiply the rate, counted from the end of the warm-up") {
  const Schedule schedule{1.0, StepRate{3, 0.5}, 2};
  CHECK(learning_rate(schedule, 2) == 1.0);
  CHECK(learning_rate(schedule, 4) == 1.0);
  CHECK(learning_rate(schedule, 5) == 0.5);
  CHECK(learning_rate(schedule, 8) == 0.25);
}

TEST_CASE("Schedule: the cosine goes from the rate to its final value and stays there") {
  const Schedule schedule{1.0, CosineRate{100, 0.2}, 10};
  CHECK(learning_rate(schedule, 10) == 1.0);
  CHECK(learning_rate(schedule, 60) == doctest::Approx(0.6).epsilon(1e-15));
  // cos(pi/3) = 1/2 and cos(2 pi/3) = -1/2, so a third of the way is three quarters of the height.
  const Schedule thirds{1.0, CosineRate{3, 0.0}, 0};
  CHECK(learning_rate(thirds, 1) == doctest::Approx(0.75).epsilon(1e-15));
  CHECK(learning_rate(thirds, 2) == doctest::Approx(0.25).epsilon(1e-15));
  CHECK(learning_rate(schedule, 110) == 0.2);
  CHECK(learning_rate(schedule, std::numeric_limits<std::uint64_t>::max()) == 0.2);
}

TEST_CASE("Schedule: one error names every value that is out of its range") {
  CHECK_NOTHROW(check(Schedule{}));
  CHECK_THROWS_WITH_AS(check({-1.0, StepRate{0, 0.0}, 0}),
                       "schedule: rate: expected more than 0, got -1; "
                       "every: expected 1 step or more, got 0; "
                       "factor: expected more than 0, got 0",
                       Error);
  CHECK_THROWS_WITH_AS(check({1.0, CosineRate{0, -0.5}, 0}),
                       "schedule: steps: expected 1 step or more, got 0; "
                       "final: expected 0 or more, got -0.5",
                       Error);
  CHECK_THROWS_AS(check({std::numeric_limits<double>::infinity(), ConstantRate{}, 0}), Error);
  CHECK_THROWS_AS(check({std::numeric_limits<double>::quiet_NaN(), ConstantRate{}, 0}), Error);
}
