#pragma once

#include <cstdint>
#include <cstring>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/vector_math.hpp"

/// What loops over rows share: sums in 16 lanes of f64 (element i of the row goes to lane i mod 16), and the
/// maximum.
namespace troupe::gpu::reference {

/// A sum over up to any number of elements, `block` at a time: fill(i) of them into `values`, then add.
class RowSum {
 public:
  static constexpr std::int64_t block = 256;

  /// The first `count` of `values` (at most `block`, of which a row's last block alone may have fewer).
  TROUPE_INLINE void add(double* values, std::int64_t count) {
    const std::int64_t whole = (count + lanes - 1) / lanes * lanes;
    for (std::int64_t i = count; i < whole; ++i) values[i] = 0.0;
    for (std::int64_t i = 0; i < whole; i += lanes) {
      F64Lanes next;
      std::memcpy(&next, values + i, sizeof next);
      sums_ += next;
    }
  }
  TROUPE_INLINE double total() const { return sum_of(sums_); }

 private:
  F64Lanes sums_{};
};

/// The largest of 1 element or more; NaN never wins.
TROUPE_INLINE float largest(const float* x, std::int64_t count) {
  float best[lanes];
  for (std::int64_t lane = 0; lane < lanes; ++lane) best[lane] = -__builtin_inff();
  std::int64_t i = 0;
  if (count >= lanes) {
    F32Lanes most;
    std::memcpy(&most, x, sizeof most);
    for (i = lanes; i + lanes <= count; i += lanes) {
      F32Lanes next;
      std::memcpy(&next, x + i, sizeof next);
      most = next > most ? next : most;
    }
    std::memcpy(best, &most, sizeof most);
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane)
    best[lane] = x[i] > best[lane] ? x[i] : best[lane];
  float result = best[0];
  for (std::int64_t lane = 1; lane < lanes; ++lane)
    result = best[lane] > result ? best[lane] : result;
  return result;
}

}  // namespace troupe::gpu::reference
