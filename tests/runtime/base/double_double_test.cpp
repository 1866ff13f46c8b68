#include "runtime/base/double_double.hpp"

namespace math = troupe::math;

TEST_CASE("DoubleDouble: sums and products keep what rounding drops") {
  CHECK(math::quick_two_sum(1.0, 0x1p-60).high == 1.0);
  CHECK(math::quick_two_sum(1.0, 0x1p-60).low == 0x1p-60);
  // (1 + 2^-30)^2 = 1 + 2^-29 + 2^-60
  const math::DoubleDouble square = math::two_product(1 + 0x1p-30, 1 + 0x1p-30);
  CHECK(square.high == 1 + 0x1p-29);
  CHECK(square.low == 0x1p-60);
  const math::DoubleDouble sum = math::quick_add({1.0, 0x1p-60}, {0x1p-10, 0x1p-70});
  CHECK(sum.high == 1 + 0x1p-10);
  CHECK(sum.low == 0x1p-60 + 0x1p-70);
  const math::DoubleDouble third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
  const math::DoubleDouble one = math::multiply(third, {3.0, 0.0});
  CHECK(one.high == 1.0);
  CHECK(std::abs(one.low) < 0x1p-104);
  CHECK(math::power_of_two(-1022) == 0x1p-1022);
  CHECK(math::power_of_two(1023) == 0x1p1023);
}
