#include "runtime/base/math.hpp"

#include "runtime/base/float_environment.hpp"
#include "tests/runtime/base/math_golden.hpp"
#include "tests/support/skip.hpp"

namespace math = troupe::math;
using troupe::FloatEnvironment;
using troupe::test::Function;
using troupe::test::math_golden;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double quiet_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double smallest = std::numeric_limits<double>::min();
constexpr double subnormal = std::numeric_limits<double>::denorm_min();

std::uint64_t bits(double x) {
  return std::bit_cast<std::uint64_t>(x);
}

double evaluate(Function function, double x, double y) {
  switch (function) {
    case Function::exp:
      return math::exp(x);
    case Function::log:
      return math::log(x);
    case Function::log1p:
      return math::log1p(x);
    case Function::sin:
      return math::sin(x);
    case Function::cos:
      return math::cos(x);
    case Function::tanh:
      return math::tanh(x);
    case Function::erf:
      return math::erf(x);
    case Function::pow:
      return math::pow(x, y);
  }
  return quiet_nan;
}

/// |got - want| in units of the last place that a double near `want` has.
double error_ulp(double got, long double want) {
  const auto rounded = static_cast<double>(want);
  if (std::abs(rounded) <= smallest) return std::abs(got) <= smallest ? 0 : inf;
  if (std::isnan(rounded) || std::isinf(rounded)) {
    return std::isnan(rounded) == std::isnan(got) && (std::isnan(got) || got == rounded) ? 0 : inf;
  }
  int exponent = 0;
  std::frexp(rounded, &exponent);
  const long double unit = std::ldexp(1.0L, exponent - 53);
  return static_cast<double>(std::abs((static_cast<long double>(got) - want) / unit));
}

using Judged = double (*)(double);
using Judge = long double (*)(long double);

/// Worst error on a grid and on random points of [low, high].
double worst_error(Judged judged, Judge judge, double low, double high) {
  std::mt19937_64 random{17};
  double worst = 0;
  const int points = 20'000;
  for (int k = 0; k <= points; ++k) {
    const double grid = low + (high - low) * (static_cast<double>(k) / points);
    const double drawn = low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
    for (const double x : {grid, drawn}) {
      worst = std::max(worst, error_ulp(judged(x), judge(static_cast<long double>(x))));
    }
  }
  return worst;
}

/// Worst error on normal numbers of all magnitudes and both signs.
double worst_error_anywhere(Judged judged, Judge judge) {
  std::mt19937_64 random{18};
  double worst = 0;
  for (int k = 0; k < 40'000; ++k) {
    const auto x = std::bit_cast<double>(random());
    if (!std::isnormal(x)) continue;
    worst = std::max(worst, error_ulp(judged(x), judge(static_cast<long double>(x))));
  }
  return worst;
}

bool judge_is_precise() {
  if (std::numeric_limits<long double>::digits >= 64) return true;
  troupe::test::skip("long double is no wider than double here");
  return false;
}

Judge exact(Judge judge) {
  return judge;
}
}  // namespace

TEST_CASE("Math: every machine and compiler gives the same bits (JOB-6)") {
  for (const auto& expected : math_golden) {
    CAPTURE(static_cast<int>(expected.function));
    CAPTURE(expected.x);
    CHECK(bits(evaluate(expected.function, expected.x, expected.y)) == expected.bits);
  }
}

TEST_CASE("Math: the bits do not depend on whether subnormals are flushed (JOB-6)") {
  std::mt19937_64 random{19};
  std::vector<double> arguments = {
      0.0,       -0.0, subnormal, -subnormal, smallest,    -smallest, 1.0,    -1.0,     inf,
      quiet_nan, 0.1,  2.0,       -708.396,   -708.396419, -708.4,    -740.0, 0x1p-1021};
  for (int k = 0; k < 3000; ++k) {
    arguments.push_back(std::bit_cast<double>(random()));
    arguments.push_back(smallest * (1 + static_cast<double>(random() >> 11) * 0x1p-53));
  }
  std::vector<std::uint64_t> gradual, flushed;
  const auto evaluate_all = [&](std::vector<std::uint64_t>& results) {
    for (const double x : arguments) {
      for (const Function function : {Function::exp, Function::log, Function::log1p, Function::sin,
                                      Function::cos, Function::tanh, Function::erf}) {
        results.push_back(bits(evaluate(function, x, 0)));
      }
      for (const double y : {1.0, 1.0000001, 0.999, 2.0, -1.0, -0.5, 0x1p-1022, subnormal, 1e-20}) {
        results.push_back(bits(math::pow(x, y)));
        results.push_back(bits(math::pow(y, x)));
      }
    }
  };
  evaluate_all(gradual);
  {
    const FloatEnvironment environment;
    evaluate_all(flushed);
  }
  CHECK(gradual == flushed);
  for (const std::uint64_t result : gradual) {
    const auto value = std::bit_cast<double>(result);
    REQUIRE(std::fpclassify(value) != FP_SUBNORMAL);
    if (std::isnan(value)) REQUIRE(result == 0x7FF8000000000000);
  }
}

TEST_CASE("Math: exp, log and log1p err by less than 2 units in the last place") {
  if (!judge_is_precise()) return;
  CHECK(worst_error(math::exp, exact(std::exp), -1, 1) < 1.1);
  CHECK(worst_error(math::exp, exact(std::exp), -708.3, 709.7) < 1.1);
  CHECK(worst_error_anywhere(math::exp, exact(std::exp)) < 1.1);
  CHECK(worst_error(math::log, exact(std::log), 0.5, 2) < 0.9);
  CHECK(worst_error(math::log, exact(std::log), 0.999, 1.001) < 0.9);
  CHECK(worst_error(math::log, exact(std::log), 1e-9, 1e4) < 0.9);
  CHECK(worst_error_anywhere(math::log, exact(std::log)) < 0.9);
  CHECK(worst_error(math::log1p, exact(std::log1p), -0.9999, 3) < 1.5);
  CHECK(worst_error(math::log1p, exact(std::log1p), -1e-3, 1e-3) < 1.5);
  CHECK(worst_error_anywhere(math::log1p, exact(std::log1p)) < 1.5);
}

TEST_CASE("Math: sin and cos err by less than 1 unit in the last place, for every argument") {
  if (!judge_is_precise()) return;
  for (const double reach : {1.0, 10.0, 1e3, 1.64e6, 1e9, 1e18, 1e300}) {
    CAPTURE(reach);
    CHECK(worst_error(math::sin, exact(std::sin), -reach, reach) < 0.8);
    CHECK(worst_error(math::cos, exact(std::cos), -reach, reach) < 0.8);
  }
  CHECK(worst_error_anywhere(math::sin, exact(std::sin)) < 0.8);
  CHECK(worst_error_anywhere(math::cos, exact(std::cos)) < 0.8);
  // Next to multiples of pi/2 all leading bits cancel.
  double worst = 0;
  for (int k = 1; k < 30'000; ++k) {
    for (const double scale : {1.0, 37.0}) {
      const double x = k * scale * 1.5707963267948966;
      worst = std::max(worst, error_ulp(math::sin(x), std::sin(static_cast<long double>(x))));
      worst = std::max(worst, error_ulp(math::cos(x), std::cos(static_cast<long double>(x))));
    }
  }
  CHECK(worst < 0.8);
}

TEST_CASE("Math: the double nearest to a multiple of pi/2 is reduced in full precision") {
  // 6381956970095103 * 2^797 is 4.69e-19 away from one (Muller, Elementary Functions, 3rd ed., table
  // 11.1), so its cosine is that distance.
  const double x = 6381956970095103.0 * 0x1p797;
  CHECK(std::abs(math::cos(x)) == doctest::Approx(4.6871659242546277e-19).epsilon(1e-15));
  CHECK(std::abs(math::sin(x)) == 1.0);
}

TEST_CASE("Math: tanh and erf err by less than 3 units in the last place") {
  if (!judge_is_precise()) return;
  CHECK(worst_error(math::tanh, exact(std::tanh), -1, 1) < 2.8);
  CHECK(worst_error(math::tanh, exact(std::tanh), -25, 25) < 2.8);
  CHECK(worst_error_anywhere(math::tanh, exact(std::tanh)) < 2.8);
  CHECK(worst_error(math::erf, exact(std::erf), -1.2, 1.2) < 1.4);
  CHECK(worst_error(math::erf, exact(std::erf), -7, 7) < 1.4);
  CHECK(worst_error_anywhere(math::erf, exact(std::erf)) < 1.4);
}

TEST_CASE("Math: pow errs by less than 2 units in the last place") {
  if (!judge_is_precise()) return;
  std::mt19937_64 random{20};
  const auto draw = [&](double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
  };
  double worst = 0;
  const auto judge = [&](double x, double y) {
    const long double want = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    worst = std::max(worst, error_ulp(math::pow(x, y), want));
  };
  for (int k = 0; k < 40'000; ++k) {
    judge(draw(0, 3), draw(-600, 600));
    judge(std::bit_cast<double>(random() >> 2 | std::uint64_t{1} << 60), draw(-2, 2));
    judge(draw(0.999, 1.001), draw(-1e6, 1e6));
    judge(draw(-20, 0), std::floor(draw(-100, 100)));
    judge(0.999, k);  // what Adam's bias correction asks for
  }
  CHECK(worst < 1.3);
}

TEST_CASE("Math: special values are those of C") {
  CHECK(bits(math::exp(0.0)) == bits(1.0));
  CHECK(bits(math::exp(-inf)) == bits(0.0));
  CHECK(math::exp(inf) == inf);
  CHECK(math::exp(709.782712893384) < inf);
  CHECK(math::exp(709.7827128933841) == inf);
  CHECK(math::exp(-708.3964185322641) >= smallest);
  CHECK(bits(math::exp(-708.3964185322643)) == bits(0.0));
  CHECK(bits(math::log(1.0)) == bits(0.0));
  CHECK(math::log(0.0) == -inf);
  CHECK(math::log(-0.0) == -inf);
  CHECK(math::log(subnormal) == -inf);
  CHECK(math::log(inf) == inf);
  CHECK(bits(math::log1p(-0.0)) == bits(-0.0));
  CHECK(math::log1p(-1.0) == -inf);
  CHECK(math::log1p(inf) == inf);
  CHECK(bits(math::sin(-0.0)) == bits(-0.0));
  CHECK(bits(math::cos(-0.0)) == bits(1.0));
  CHECK(bits(math::tanh(-0.0)) == bits(-0.0));
  CHECK(math::tanh(-inf) == -1.0);
  CHECK(bits(math::erf(-0.0)) == bits(-0.0));
  CHECK(math::erf(-inf) == -1.0);
  CHECK(math::erf(6.0) == 1.0);
  for (const double value :
       {math::exp(quiet_nan), math::log(quiet_nan), math::log(-1.0), math::log(-inf),
        math::log1p(quiet_nan), math::log1p(-1.5), math::sin(quiet_nan), math::sin(inf),
        math::cos(-inf), math::tanh(quiet_nan), math::erf(quiet_nan), math::pow(quiet_nan, 1.0),
        math::pow(2.0, quiet_nan), math::pow(-8.0, 1.0 / 3)}) {
    CHECK(bits(value) == 0x7FF8000000000000);
  }
}

TEST_CASE("Math: pow has the special values of C") {
  for (const double x : {0.0, -0.0, 1.0, -2.5, inf, -inf, quiet_nan})
    CHECK(math::pow(x, 0.0) == 1.0);
  for (const double y : {0.0, -3.5, inf, -inf, quiet_nan}) CHECK(math::pow(1.0, y) == 1.0);
  for (const double y : {inf, -inf, 2.0, 0x1p60}) CHECK(math::pow(-1.0, y) == 1.0);
  CHECK(math::pow(-1.0, 0x1p53 - 1) == -1.0);
  const std::array values = {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e300, 0x1p52 + 1, 0x1p53, inf};
  for (const double x_size : values) {
    for (const double y_size : values) {
      for (const double x : {x_size, -x_size}) {
        for (const double y : {y_size, -y_size}) {
          CAPTURE(x);
          CAPTURE(y);
          const double want = std::pow(x, y);  // these are exact, or overflow, or are off by one
          const double got = math::pow(x, y);
          CHECK(std::signbit(got) == (std::isnan(want) ? false : std::signbit(want)));
          CHECK((std::isnan(want) ? std::isnan(got)
                                  : error_ulp(got, static_cast<long double>(want)) < 2));
        }
      }
    }
  }
  CHECK(math::pow(0.5, 1022.0) == smallest);
  CHECK(bits(math::pow(0.5, 1023.0)) == bits(0.0));
  CHECK(bits(math::pow(-0.5, 1023.0)) == bits(-0.0));
  CHECK(math::pow(2.0, 1024.0) == inf);
  CHECK(math::pow(-2.0, 1025.0) == -inf);
}
