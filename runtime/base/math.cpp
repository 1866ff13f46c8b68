#include "runtime/base/math.hpp"

#include <bit>
#include <cstdint>

#include "runtime/base/math_inline.hpp"

namespace troupe::math {

double exp(double x) noexcept {
  return exp_inline(x);
}

double tanh(double x) noexcept {
  return tanh_inline(x);
}

double erf(double x) noexcept {
  return erf_inline(x);
}

double log(double x) noexcept {
  if (!(x >= parts::smallest_normal && x < parts::infinity)) {
    if (parts::absolute(x) < parts::smallest_normal) return -parts::infinity;
    return x == parts::infinity ? parts::infinity : parts::not_a_number;
  }
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)).
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto offset =
      static_cast<std::int64_t>(bits - std::bit_cast<std::uint64_t>(0x1.6a09e667f3bcdp-1));
  const std::int64_t exponent = offset >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
  const auto k = static_cast<double>(exponent);
  // With f = m - 1 and s = f / (2 + f), log m = 2 atanh(s) = 2 s + s R(s^2), and 2 s = f - s f, which
  // is written so that the large part, f, is exact: f - f^2/2 + s (f^2/2 + R). R is a Chebyshev fit.
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double rest =
      z * parts::polynomial(z, 0x1.5555555555558p-1, 0x1.99999999952d7p-2, 0x1.2492492df281ap-2,
                            0x1.c71c62e3f11e6p-3, 0x1.7462b51cb66b1p-3, 0x1.39fe51a7c18f9p-3,
                            0x1.2b5900de53b32p-3);
  const double half_square = 0.5 * f * f;
  return k * parts::ln2_high +
         (f - (half_square - (s * (half_square + rest) + k * parts::ln2_low)));
}

double log1p(double x) noexcept {
  const double size = parts::absolute(x);
  if (size < parts::smallest_normal) return parts::with_sign(0.0, x);
  if (size < 0x1p-54) return x;
  const double sum = 1.0 + x;
  if (!(sum > 0.0 && sum < parts::infinity)) return log(sum);
  // What the sum lost comes back to first order: log(sum + lost) = log(sum) + lost / sum + ...
  const double lost = size < 1.0 ? x - (sum - 1.0) : 1.0 - (sum - x);
  return log(sum) + lost / sum;
}

}  // namespace troupe::math
