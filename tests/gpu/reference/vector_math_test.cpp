#include "gpu/reference/vector_math.hpp"

#include <cmath>
#include <limits>

#include "runtime/base/float_environment.hpp"

using namespace troupe;
using namespace troupe::gpu::reference;

TEST_CASE("VectorMath: short exponentials have a relative error below 2^-29") {
  const FloatEnvironment environment;
  for (int i = -7000; i <= 7000; ++i) {
    const double x = i * 0.1 + i * 1e-6;
    if (!(std::fabs(exp_short(x) / std::exp(x) - 1.0) < 0x1p-29)) FAIL("exp ", x);
    const double want = std::expm1(x);
    if (!(std::fabs(expm1_short(x) - want) <= std::fabs(want) * 0x1p-29)) FAIL("expm1 ", x);
  }
  for (const double x : {1e-30, -1e-12, 1e-5, -0.3, 0.34, 0.35}) {
    CHECK(std::fabs(expm1_short(x) / std::expm1(x) - 1.0) < 0x1p-29);
  }
}

TEST_CASE("VectorMath: exponentials end in 0 and infinity, and NaN stays") {
  const FloatEnvironment environment;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(exp_short(0.0) == 1.0);
  CHECK(exp_short(-infinity) == 0.0);
  CHECK(exp_short(-709.0) == 0.0);
  CHECK(exp_short(710.0) == infinity);
  CHECK(exp_short(infinity) == infinity);
  CHECK(std::isnan(exp_short(std::nan(""))));
  CHECK(expm1_short(-infinity) == -1.0);
  CHECK(expm1_short(1e300) == infinity);
  CHECK(std::isnan(expm1_short(std::nan(""))));
}

TEST_CASE("VectorMath: log1p_unit is within 2 ulp") {
  const FloatEnvironment environment;
  for (int i = 0; i <= 4096; ++i) {
    for (const double e : {i / 4096.0, std::ldexp(1.0 + i / 4096.0, -i / 5 - 1)}) {
      const double want = std::log1p(e);
      if (!(std::fabs(log1p_unit(e) - want) <= 2.0 * 0x1p-52 * want)) FAIL("log1p ", e);
    }
  }
  CHECK(std::isnan(log1p_unit(std::nan(""))));
}

TEST_CASE("VectorMath: lanes are summed in one order") {
  F64Lanes values{};
  values[0] = 1e16;
  values[8] = -1e16;  // the first to meet lane 0
  values[3] = 1.0;
  CHECK(sum_of(values) == 1.0);
}
