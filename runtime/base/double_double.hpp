#pragma once

#include <bit>
#include <cstdint>

/// Sums of two doubles, about 106 bits, for what pow and the reduction of angles need. Private.
namespace troupe::math {

/// high + low, |low| <= ulp(high) / 2.
struct DoubleDouble {
  double high;
  double low;
};

/// a + b exactly, for |a| >= |b| or a = 0 (Dekker 1971).
[[gnu::always_inline]] constexpr DoubleDouble quick_two_sum(double a, double b) noexcept {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

/// a * b exactly, below 2^900 and well above the subnormals. Without an FMA, whose presence depends
/// on the machine: Dekker's product of halves split as by Veltkamp (Numer. Math. 18, 1971).
[[gnu::always_inline]] constexpr DoubleDouble two_product(double a, double b) noexcept {
  constexpr double split = 0x1p27 + 1;
  const double a_scaled = split * a;
  const double a_high = a_scaled - (a_scaled - a);
  const double a_low = a - a_high;
  const double b_scaled = split * b;
  const double b_high = b_scaled - (b_scaled - b);
  const double b_low = b - b_high;
  const double product = a * b;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

[[gnu::always_inline]] constexpr DoubleDouble multiply(DoubleDouble a, DoubleDouble b) noexcept {
  const DoubleDouble product = two_product(a.high, b.high);
  return quick_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/// For |a| >= |b|.
[[gnu::always_inline]] constexpr DoubleDouble quick_add(DoubleDouble a, DoubleDouble b) noexcept {
  const DoubleDouble sum = quick_two_sum(a.high, b.high);
  return quick_two_sum(sum.high, sum.low + (a.low + b.low));
}

/// 2^exponent for a normal result.
[[gnu::always_inline]] constexpr double power_of_two(int exponent) noexcept {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

}  // namespace troupe::math
