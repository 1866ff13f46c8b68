#pragma once

#include "gpu/formulas/inline.hpp"
#include "runtime/base/math_inline.hpp"

/// Exponentials for results in f32, and a logarithm. The functions have no branches, so a loop that calls them becomes
/// vector code of whatever width there is; each operation rounds as written, so an element has the same bits in any
/// lane of any width, and in the loop's scalar tail.
namespace troupe::gpu::formulas {

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

/// e^x good enough for results in f32, with a relative error below 2^-30: 0 below -708, infinite above 709.
TROUPE_INLINE double exp_short(double x) {
  const auto [k, r] = math::parts::reduce_exp(x);
  const double power = __builtin_bit_cast(double, (k + 1023) << 52);
  const double y = power + power * reduced_expm1_short(r);
  return x > 709.0 ? __builtin_inf() : x < -708.0 ? 0.0 : y;
}

/// e^x - 1, likewise.
TROUPE_INLINE double expm1_short(double x) {
  const auto [k, r] = math::parts::reduce_exp(x);
  const double power = __builtin_bit_cast(double, (k + 1023) << 52);
  const double y = (power - 1.0) + power * reduced_expm1_short(r);
  return x > 709.0 ? __builtin_inf() : x < -708.0 ? -1.0 : y;
}

/// log(1 + e) for e in [0, 1], within 2 ulp: 2 atanh(s) with s = e / (2 + e), and atanh by its series, odd and
/// even terms side by side. What is left out, 2 s^33 / 33, is below 2^-54 of the sum, as s <= 1/3.
TROUPE_INLINE double log1p_unit(double e) {
  const double s = e / (2.0 + e);
  const double z = s * s;
  const double w = z * z;
  double even = 2.0 / 31;
  even = even * w + 2.0 / 27;
  even = even * w + 2.0 / 23;
  even = even * w + 2.0 / 19;
  even = even * w + 2.0 / 15;
  even = even * w + 2.0 / 11;
  even = even * w + 2.0 / 7;
  even = even * w + 2.0 / 3;
  double odd = 2.0 / 29;
  odd = odd * w + 2.0 / 25;
  odd = odd * w + 2.0 / 21;
  odd = odd * w + 2.0 / 17;
  odd = odd * w + 2.0 / 13;
  odd = odd * w + 2.0 / 9;
  odd = odd * w + 2.0 / 5;
  return s * 2.0 + s * (z * even + w * odd);
}

}  // namespace troupe::gpu::formulas
