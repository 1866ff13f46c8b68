#include "tests/reference/compare.hpp"

#include <limits>

#include "tests/reference/finite_differences.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::test::reference;

// That a judge lets nothing pass is a test too: these cases must fail, and are marked so.
TEST_CASE("check_close: refuses an element that is off by more than the tolerance" *
          doctest::should_fail()) {
  check_close(std::vector<float>{1.0F, 2.0F, 3.0004F}, Values{1, 2, 3}, "off");
}

TEST_CASE("check_close: refuses NaN" * doctest::should_fail()) {
  check_close(std::vector<float>{1.0F, std::numeric_limits<float>::quiet_NaN()}, Values{1, 2},
              "NaN");
}

TEST_CASE("check_close: asks for exact zeros where the reference is zero" *
          doctest::should_fail()) {
  check_close(std::vector<float>{0.0F, 1e-30F}, Values{0, 0}, "zeros");
}

TEST_CASE("check_close: measures small elements by the rms of all") {
  // rms = 1, so that 1e-4 more is allowed beside 1.0 as well as beside 0.
  const double one = std::sqrt(2.0);
  check_close(Values{one, 0.9e-4}, Values{one, 0}, "small");
}

TEST_CASE("check_gradient: refuses a gradient that is off by a millionth" *
          doctest::should_fail()) {
  const auto cube = [](const Values& x) { return x[0] * x[0] * x[0]; };
  check_gradient(cube, {2.0}, {12.0 * (1 + 2e-6)}, "cube");
}

TEST_CASE("check_gradient: accepts the gradient") {
  const auto cube = [](const Values& x) { return x[0] * x[0] * x[0]; };
  check_gradient(cube, {2.0}, {12.0}, "cube");
}
