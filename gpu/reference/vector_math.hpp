#pragma once

#include <cstdint>

#include "gpu/reference/isa.hpp"

/// Elementary functions for loops over elements, and sums in 16 lanes. The functions have no branches, so a
/// loop that calls them becomes vector code of whatever width there is; each operation rounds as written, so an
/// element has the same bits in any lane of any width, and in the loop's scalar tail.
namespace troupe::gpu::reference {

/// Before a loop: its iterations do not depend on each other, though arrays may be the same.
#if defined(__clang__)
#define TROUPE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TROUPE_INDEPENDENT _Pragma("GCC ivdep")
#endif

/// x = k · ln 2 + r with k whole and |r| <= ln 2 / 2, and 2^k. For |x| < 709.
/// Source: Cody and Waite, "Software Manual for the Elementary Functions", 1980, chapter 6.
struct ExponentParts {
  double r, scale;
};
TROUPE_INLINE ExponentParts split_exponent(double x) {
  // Adding 1.5 · 2^52 rounds to a whole number and leaves it in the low bits.
  constexpr double to_whole = 0x1.8p52;
  const double shifted = x * 0x1.71547652b82fep0 + to_whole;
  const double k = shifted - to_whole;
  const double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
  const auto biased = __builtin_bit_cast(std::uint64_t, shifted) + 1023;
  return {r, __builtin_bit_cast(double, biased << 52)};
}

/// e^x, within 1 ulp: 0 below -708 (where results get subnormal), infinite above 709.
TROUPE_INLINE double exp(double x) {
  const auto [r, scale] = split_exponent(x);
  // Taylor's series: the first term left out, r^13 / 13!, is below 2^-52 of the sum.
  double p = 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  const double y = scale + scale * (r + r * r * p);
  return x > 709.0 ? __builtin_inf() : x < -708.0 ? 0.0 : y;
}

/// e^r - 1 for |r| <= ln 2 / 2, with a relative error below 2^-30.
TROUPE_INLINE double reduced_expm1_short(double r) {
  double p = 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  return r + r * r * p;
}

/// e^x good enough for results in f32: a relative error below 2^-30; the limits of exp.
TROUPE_INLINE double exp_short(double x) {
  const auto [r, scale] = split_exponent(x);
  const double y = scale + scale * reduced_expm1_short(r);
  return x > 709.0 ? __builtin_inf() : x < -708.0 ? 0.0 : y;
}

/// e^x - 1, likewise.
TROUPE_INLINE double expm1_short(double x) {
  const auto [r, scale] = split_exponent(x);
  const double y = (scale - 1.0) + scale * reduced_expm1_short(r);
  return x > 709.0 ? __builtin_inf() : x < -708.0 ? -1.0 : y;
}

/// Natural logarithm of a normal x >= 1, within 2 ulp; infinity and NaN give themselves.
/// Source: log m = 2 atanh((m - 1) / (m + 1)); Muller, "Elementary Functions", 3rd ed., section 3.2.
TROUPE_INLINE double log(double x) {
  // m in [sqrt(1/2), sqrt(2)), so that x just above 1 keeps k = 0 and cancels nothing.
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcd;
  const auto bits = __builtin_bit_cast(std::uint64_t, x);
  const std::uint64_t k_bits = (bits - sqrt_half) >> 52;  // x >= 1: never negative
  const double m = __builtin_bit_cast(double, bits - (k_bits << 52));
  // A whole number below 2^52 as a double, without an instruction that not every ISA has.
  const double k = __builtin_bit_cast(double, k_bits | 0x4330000000000000) - 0x1p52;
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 2.0 / 23;
  p = p * z + 2.0 / 21;
  p = p * z + 2.0 / 19;
  p = p * z + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  const double y = k * 0x1.62e42feep-1 + (s * 2.0 + (s * z * p + k * 0x1.a39ef35793c76p-33));
  return x < __builtin_inf() ? y : x;
}

/// log(1 + e) for e in [0, 1]: the logarithm of the rounded sum, and what the rounding lost.
TROUPE_INLINE double log1p(double e) {
  const double u = 1.0 + e;
  return log(u) + (e - (u - 1.0)) / u;
}

/// Sums run in 16 lanes: element i is added to lane i mod 16, whatever the width of the registers.
typedef float F32Lanes __attribute__((vector_size(64)));
typedef double F64Lanes __attribute__((vector_size(128)));
inline constexpr std::int64_t lanes = 16;

/// Adds the upper half to the lower one until one lane is left.
TROUPE_INLINE double sum_of(const F64Lanes& values) {
  double left[lanes];
  __builtin_memcpy(left, &values, sizeof left);
  for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half; ++i) left[i] += left[i + half];
  }
  return left[0];
}

}  // namespace troupe::gpu::reference
