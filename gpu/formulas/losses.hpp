#pragma once

#include "gpu/formulas/elementary.hpp"
#include "gpu/formulas/inline.hpp"
#include "runtime/base/math_inline.hpp"

/// Losses of one element x against its target t, in f64, and their slopes.
namespace troupe::gpu::formulas {

struct BinaryCrossEntropy {
  /// With e = exp(-|x|), which never overflows.
  TROUPE_INLINE static double loss(double x, double t) {
    const double e = math::exp_inline(x < 0.0 ? x : -x);
    return (x <= 0.0 ? 0.0 : x) - x * t + log1p_unit(e);
  }
  TROUPE_INLINE static double gradient(double x, double t) {
    const double e = exp_short(x < 0.0 ? x : -x);
    return (x < 0.0 ? e : 1.0) / (1.0 + e) - t;
  }
};

struct SquaredError {
  TROUPE_INLINE static double loss(double x, double t) { return (x - t) * (x - t); }
  TROUPE_INLINE static double gradient(double x, double t) { return 2.0 * (x - t); }
};

}  // namespace troupe::gpu::formulas
