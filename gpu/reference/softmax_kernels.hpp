#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

/// Row by row over [rows, width]; arrays are the same or do not overlap. Exponents and sums are f64. A row
/// with a NaN or +infinity in it gives NaN throughout.
struct SoftmaxTable {
  /// y = e^(x - max x) / Σ e^(x - max x)
  void (*forward)(const float* x, float* y, std::int64_t rows, std::int64_t width);
  /// dx = y · (dy - Σ y · dy)
  void (*backward)(const float* y, const float* dy, float* dx, std::int64_t rows,
                   std::int64_t width);
};

namespace baseline {
extern const SoftmaxTable softmax_table;
}
namespace avx2 {
extern const SoftmaxTable softmax_table;
}
namespace avx512 {
extern const SoftmaxTable softmax_table;
}

}  // namespace troupe::gpu::reference
