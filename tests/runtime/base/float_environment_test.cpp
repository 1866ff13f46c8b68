#include "runtime/base/float_environment.hpp"

#include <cfenv>

#include "tests/support/skip.hpp"

using troupe::float_environment_is_set;
using troupe::FloatEnvironment;

namespace {
// Kept from the optimizer, which would compute at compile time, without the environment.
template <class Value>
Value product(Value a, Value b) {
  const volatile Value left = a;
  const volatile Value right = b;
  return left * right;
}
}  // namespace

TEST_CASE("FloatEnvironment: subnormals are zero within, both ways, and not after (JOB-6)") {
  {
    const FloatEnvironment environment;
    if (!float_environment_is_set()) {
      troupe::test::skip("this processor's floating-point control is not known");
      return;
    }
    CHECK(product(0x1p-100F, 0x1p-40F) == 0.0F);   // a result
    CHECK(product(0x1p-140F, 0x1p+100F) == 0.0F);  // an input
    CHECK(product(0x1p-1000, 0x1p-60) == 0.0);
    CHECK(product(0x1p-1060, 0x1p+900) == 0.0);
    CHECK(product(0x1p-126F, 1.0F) == 0x1p-126F);
  }
  CHECK_FALSE(float_environment_is_set());
  CHECK(product(0x1p-100F, 0x1p-40F) == 0x1p-140F);
  CHECK(product(0x1p-140F, 0x1p+100F) == 0x1p-40F);
}

TEST_CASE("FloatEnvironment: rounding is to nearest within, and as before afterwards (JOB-6)") {
  REQUIRE(std::fesetround(FE_UPWARD) == 0);
  {
    const FloatEnvironment environment;
    const volatile double tiny = 0x1p-60;
    CHECK(1.0 + tiny == 1.0);
    {
      const FloatEnvironment inner;
      CHECK(1.0 + tiny == 1.0);
    }
    CHECK(1.0 + tiny == 1.0);
  }
  CHECK(std::fegetround() == FE_UPWARD);
  REQUIRE(std::fesetround(FE_TONEAREST) == 0);
}
