#include "runtime/base/trigonometry_inline.hpp"

#include <bit>
#include <cstdint>
#include <limits>

#include "runtime/base/math.hpp"
#include "runtime/base/random.hpp"

namespace math = troupe::math;

TEST_CASE("sin_cos_inline: has the bits of sin and cos, of any number") {
  const auto same = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  };
  const auto check = [&](double x) {
    const math::SineCosine both = math::sin_cos_inline(x);
    return same(both.sine, math::sin(x)) && same(both.cosine, math::cos(x));
  };
  const troupe::Draws draws{5, 0, troupe::Purpose::initialise, 0};
  int different = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    different += !check(
        std::bit_cast<double>(std::uint64_t{draws.bits(2 * i)} << 32 | draws.bits(2 * i + 1)));
    different += !check(7.0 * draws.uniform53(i));
  }
  CHECK(different == 0);
  using Limits = std::numeric_limits<double>;
  for (const double x : {0.0, Limits::denorm_min(), Limits::min(), 0x1.921fb54442d18p-1,
                         0x1.921fb54442d18p+0, 1e22, Limits::max(), Limits::infinity()}) {
    CAPTURE(x);
    CHECK(check(x));
    CHECK(check(-x));
  }
  CHECK(check(Limits::quiet_NaN()));
}
