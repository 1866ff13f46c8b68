#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

/// Arrays are [rows, width]; scale, shift and their gradients [width]; mean and inverse [rows].
struct LayerNormTable {
  void (*forward)(const float* x, const float* scale, const float* shift, float epsilon,
                  std::int64_t rows, std::int64_t width, float* y, float* mean, float* inverse);
  void (*backward_data)(const float* x, const float* dy, const float* scale, const float* mean,
                        const float* inverse, std::int64_t rows, std::int64_t width, float* dx);
  void (*backward_parameters)(const float* x, const float* dy, const float* mean,
                              const float* inverse, std::int64_t rows, std::int64_t width,
                              float* dscale, float* dshift);
};

namespace baseline {
extern const LayerNormTable layer_norm_table;
}
namespace avx2 {
extern const LayerNormTable layer_norm_table;
}
namespace avx512 {
extern const LayerNormTable layer_norm_table;
}

}  // namespace troupe::gpu::reference
