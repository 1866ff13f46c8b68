#include <bit>
#include <cstdint>

#include "runtime/base/double_double.hpp"
#include "runtime/base/math.hpp"
#include "runtime/base/math_inline.hpp"

namespace troupe::math {
namespace {
/// log x for a normal x > 0, within about 2^-66 of it relatively, so that a product below 2^10 with it
/// keeps 2^-56.
DoubleDouble precise_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto offset =
      static_cast<std::int64_t>(bits - std::bit_cast<std::uint64_t>(0x1.6a09e667f3bcdp-1));
  const std::int64_t exponent = offset >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
  const auto k = static_cast<double>(exponent);

  // log m = 2 atanh(s) = 2 s (1 + z/3 + z^2/5 + z^3 q(z)), s = (m - 1) / (m + 1), z = s^2 < 0.03. The
  // further a term, the fewer bits it needs; q is a Chebyshev fit of 1/7 + z/9 + ...
  const double above = m - 1.0;
  const DoubleDouble below = m > 1.0 ? quick_two_sum(m, 1.0) : quick_two_sum(1.0, m);
  const double quotient = above / below.high;
  const DoubleDouble back = two_product(quotient, below.high);
  const DoubleDouble s = quick_two_sum(
      quotient, (((above - back.high) - back.low) - quotient * below.low) / below.high);
  const DoubleDouble z = multiply(s, s);
  const double q =
      parts::polynomial(z.high, 0x1.2492492492492p-3, 0x1.c71c71c71c822p-4, 0x1.745d1745a3ef0p-4,
                        0x1.3b13b16b4b833p-4, 0x1.1110f80547523p-4, 0x1.e1effabc4b093p-5,
                        0x1.acf8448fda674p-5, 0x1.b2e0d3d38f395p-5);
  constexpr DoubleDouble third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
  constexpr DoubleDouble fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
  DoubleDouble series = quick_add(fifth, {z.high * q, 0.0});
  series = quick_add(third, multiply(z, series));
  series = quick_add({1.0, 0.0}, multiply(z, series));
  const DoubleDouble log_m = multiply({2.0 * s.high, 2.0 * s.low}, series);
  if (exponent == 0) return log_m;
  const DoubleDouble sum = quick_two_sum(k * parts::ln2_high, log_m.high);
  return quick_two_sum(sum.high, sum.low + (log_m.low + k * parts::ln2_low));
}

/// e to the power of both parts; 0 and infinity beyond the normal numbers.
double exp_of(DoubleDouble x) {
  if (x.high > 710.0) return parts::infinity;
  if (x.high < -709.0) return 0.0;
  const parts::ExpArgument argument = parts::reduce_exp(x.high);
  const double r = argument.r + x.low;
  const double mantissa = 1.0 + (r + parts::exp_tail(r));
  const auto bits = std::bit_cast<std::uint64_t>(mantissa);
  const auto k = static_cast<std::int64_t>(argument.k << 52) >> 52;
  const std::int64_t exponent = static_cast<std::int64_t>(bits >> 52) + k;
  if (exponent >= 2047) return parts::infinity;
  if (exponent <= 0) return 0.0;
  return std::bit_cast<double>(bits + (argument.k << 52));
}

bool is_integer(double y) {
  if (parts::absolute(y) >= 0x1p52) return true;
  return static_cast<double>(static_cast<std::int64_t>(y)) == y;
}

bool is_odd(double y) {
  return parts::absolute(y) < 0x1p53 && is_integer(y) && static_cast<std::int64_t>(y) % 2 != 0;
}
}  // namespace

double pow(double x, double y) noexcept {
  const double size = parts::absolute(x);
  const double y_size = parts::absolute(y);
  if (y_size < parts::smallest_normal || x == 1.0) return 1.0;
  if (x != x || y != y) return parts::not_a_number;
  if (y_size == parts::infinity) {
    if (size == 1.0) return 1.0;
    return (size > 1.0) == (y > 0.0) ? parts::infinity : 0.0;
  }
  const bool negative = std::bit_cast<std::uint64_t>(x) >> 63 != 0 && is_odd(y);
  if (size < parts::smallest_normal || size == parts::infinity) {
    const double result = (size > 1.0) == (y > 0.0) ? parts::infinity : 0.0;
    return negative ? -result : result;
  }
  if (x < 0.0 && !is_integer(y)) return parts::not_a_number;
  double result = 1.0;
  // |log x| is 0 or within [2^-54, 710]: below 2^-70 the result rounds to 1, above 2^65 it leaves the
  // range, as it does when y is replaced by 2^65.
  if (size != 1.0 && y_size > 0x1p-70) {
    const double exponent = parts::with_sign(y_size < 0x1p65 ? y_size : 0x1p65, y);
    result = exp_of(multiply(precise_log(size), {exponent, 0.0}));
  }
  return negative ? -result : result;
}

}  // namespace troupe::math
