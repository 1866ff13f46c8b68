#pragma once

#include <bit>
#include <cstdint>
#include <limits>

/// exp, tanh and erf without a branch, to be inlined into loops that the compiler then vectorises; and log. Those that
/// kernels of a GPU call are constexpr, which lets nvcc compile them for it.
/// They are what math.hpp's functions call, so the bits are the same. Always inlined: a copy that
/// was compiled for a newer instruction set must not be linked into code for an older one.
namespace troupe::math {

/// Constants and steps that the functions share.
namespace parts {
constexpr double smallest_normal = std::numeric_limits<double>::min();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double log2_e = 0x1.71547652b82fep+0;
constexpr double ln2_high = 0x1.62e42fefa3800p-1;  ///< 42 bits, so a product with 11 bits is exact
constexpr double ln2_low = 0x1.ef35793c76730p-45;
/// Added to |x| < 2^51, leaves the nearest integer in the low bits of the sum.
constexpr double to_integer = 0x1.8p+52;

[[gnu::always_inline]] constexpr double absolute(double x) noexcept {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & ~(std::uint64_t{1} << 63));
}

/// |magnitude| with the sign of `sign`.
[[gnu::always_inline]] constexpr double with_sign(double magnitude, double sign) noexcept {
  const std::uint64_t sign_bit = std::uint64_t{1} << 63;
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(magnitude) & ~sign_bit) |
                               (std::bit_cast<std::uint64_t>(sign) & sign_bit));
}

/// condition ? a : b, on the bits: compilers that think of floating-point traps keep the branch of ?:
/// and then vectorise nothing.
[[gnu::always_inline]] constexpr double choose(bool condition, double a, double b) noexcept {
  const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(condition);
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(a) & mask) |
                               (std::bit_cast<std::uint64_t>(b) & ~mask));
}

/// A polynomial by Horner's rule, lowest coefficient first.
template <class... Rest>
[[gnu::always_inline]] constexpr double polynomial(double x, double lowest, Rest... rest) noexcept {
  if constexpr (sizeof...(rest) == 0) {
    return lowest;
  } else {
    return lowest + x * polynomial(x, rest...);
  }
}

/// x = k ln 2 + r with |r| <= ln 2 / 2.
struct ExpArgument {
  std::uint64_t k;  ///< modulo 2^12
  double r;
};

/// @param x within +-1000.
[[gnu::always_inline]] constexpr ExpArgument reduce_exp(double x) noexcept {
  const double shifted = x * log2_e + to_integer;
  const double k = shifted - to_integer;
  return {std::bit_cast<std::uint64_t>(shifted), (x - k * ln2_high) - k * ln2_low};
}

/// e^r - 1 - r for |r| <= ln 2 / 2: the first terms of the series, then a Chebyshev fit of the rest
/// (relative to e^r the fit is off by less than 2^-55).
[[gnu::always_inline]] constexpr double exp_tail(double r) noexcept {
  const double square = r * r;
  return square * 0.5 +
         square * r *
             polynomial(r, 0x1.5555555555555p-3, 0x1.5555555554cb7p-5, 0x1.1111111110e6ap-7,
                        0x1.6c16c1738ff55p-10, 0x1.a01a01a4b322fp-13, 0x1.a019c9a5652d3p-16,
                        0x1.71de17e40edfep-19, 0x1.2880411bad1aap-22, 0x1.af236aac51d05p-26);
}
}  // namespace parts

/// As exp(), for loops.
[[gnu::always_inline]] constexpr double exp_inline(double x) noexcept {
  constexpr double lowest = -708.3964185322641;  // below it the result is subnormal
  constexpr double highest = 709.782712893384;   // above it the result is infinite
  double inside = parts::choose(x < lowest, lowest, x);
  inside = parts::choose(inside > highest, highest, inside);
  const parts::ExpArgument argument = parts::reduce_exp(inside);
  const double mantissa = 1.0 + (argument.r + parts::exp_tail(argument.r));
  double result =
      std::bit_cast<double>(std::bit_cast<std::uint64_t>(mantissa) + (argument.k << 52));
  result = parts::choose(x < lowest, 0.0, result);
  result = parts::choose(x > highest, parts::infinity, result);
  return parts::choose(x != x, parts::not_a_number, result);
}

/// As log(), but not for loops: it branches.
[[gnu::always_inline]] constexpr double log_inline(double x) noexcept {
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

/// As tanh(), for loops: e / (e + 2) with e = exp(2 |x|) - 1.
[[gnu::always_inline]] inline double tanh_inline(double x) noexcept {
  const double size = parts::absolute(x);
  const double inside =
      parts::choose(size < 22.0, size, 22.0);  // from here on the result rounds to 1
  const parts::ExpArgument argument = parts::reduce_exp(2.0 * inside);
  const double power = std::bit_cast<double>((argument.k + 1023) << 52);
  const double e = (power - 1.0) + power * (argument.r + parts::exp_tail(argument.r));
  double result = e / (e + 2.0);
  result = parts::choose(size < parts::smallest_normal, 0.0, result);
  return parts::choose(x != x, parts::not_a_number, parts::with_sign(result, x));
}

/// As erf(), for loops. Both polynomials are Chebyshev fits, absolutely within 2^-55 of erf.
[[gnu::always_inline]] inline double erf_inline(double x) noexcept {
  const double size = parts::absolute(x);
  const double inside =
      parts::choose(size < 6.0, size, 6.0);  // from here on the result rounds to 1
  const double square = inside * inside;
  // |x| < 1: x + x (erf(x) / x - 1), in powers of x^2.
  double result =
      inside + inside * parts::polynomial(
                            square, 0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2,
                            0x1.ce2f21a042b30p-4, -0x1.b82ce31284e00p-6, 0x1.565bcd0dbaa38p-8,
                            -0x1.c02db3dac435fp-11, 0x1.f9a321d5b8e1ep-14, -0x1.f4d1e3183f7aep-17,
                            0x1.b9df224ca4b97p-20, -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27,
                            -0x1.389d4f2641625p-30, 0x1.05ffd737fb32ep-34);
  // 1 <= |x| < 6: 1 - exp(-x^2) q(t), where q = exp(x^2) erfc(x) and t = (x - 3) / (x + 3).
  const double t = (inside - 3.0) / (inside + 3.0);
  const double q = parts::polynomial(
      t, 0x1.6e9827d229d2dp-3, -0x1.4e102b9cf8512p-2, 0x1.f6ff20410599bp-3, -0x1.336ffbef08cbbp-3,
      0x1.258b13b0139fep-4, -0x1.8fa58eb5bd68fp-6, 0x1.17c838fea5806p-8, 0x1.73101ea8fe252p-11,
      -0x1.39085a31b18abp-11, 0x1.7b9fc8eb630e9p-15, 0x1.0cb1db32e0c9fp-14, -0x1.af2329d757293p-17,
      -0x1.0cb4611cc29f6p-17, 0x1.0f9a79cee3e31p-19, 0x1.57a5fe2b9b75ep-20);
  result = parts::choose(inside < 1.0, result, 1.0 - exp_inline(-square) * q);
  // A product below must not be subnormal, so small arguments have one of their own: 2 / sqrt(pi).
  result = parts::choose(inside < 0x1p-28, inside * 0x1.20dd750429b6dp+0, result);
  result = parts::choose(size < parts::smallest_normal, 0.0, result);
  return parts::choose(x != x, parts::not_a_number, parts::with_sign(result, x));
}

}  // namespace troupe::math
