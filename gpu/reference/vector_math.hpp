#pragma once

#include <cstdint>

#include "gpu/formulas/elementary.hpp"
#include "gpu/reference/isa.hpp"
#include "runtime/base/math_inline.hpp"

/// What loops over elements need beyond troupe::math: exponentials for results in f32, a logarithm
/// (gpu/formulas/elementary.hpp), and sums in 16 lanes.
namespace troupe::gpu::reference {

/// Before a loop: its iterations do not depend on each other, though arrays may be the same.
#if defined(__clang__)
#define TROUPE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TROUPE_INDEPENDENT _Pragma("GCC ivdep")
#endif

using formulas::exp_short;
using formulas::expm1_short;
using formulas::log1p_unit;

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
