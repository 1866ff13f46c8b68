#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

/// Arrays are [count, channels] or [channels].
struct BatchNormTable {
  /// Both moments are those of f64 sums, value after value.
  void (*moments)(const float* x, std::int64_t count, std::int64_t channels, double* mean,
                  double* variance);
  /// factor = scale / sqrt(variance + epsilon)
  void (*factors)(const float* scale, const float* variance, float epsilon, std::int64_t channels,
                  float* factor);
  /// y = (x - mean) · factor + shift, then relu where asked; `passes`, where not null, says whether y is not 0.
  void (*apply)(const float* x, const float* mean, const float* factor, const float* shift,
                std::int64_t count, std::int64_t channels, bool relu, float* y,
                std::uint8_t* passes);
  /// Where `passes` is not null, dy counts as 0 where it says 0, here and below.
  /// sum = Σ dy, product = Σ dy · (x - mean)
  void (*gradient_sums)(const float* x, const float* dy, const std::uint8_t* passes,
                        const float* mean, std::int64_t count, std::int64_t channels, double* sum,
                        double* product);
  /// dx = factor · (dy - mean_dy - (x - mean) · slope)
  void (*gradient)(const float* x, const float* dy, const std::uint8_t* passes, const float* mean,
                   const float* factor, const float* mean_dy, const float* slope,
                   std::int64_t count, std::int64_t channels, float* dx);
};

namespace baseline {
extern const BatchNormTable batch_norm_table;
}
namespace avx2 {
extern const BatchNormTable batch_norm_table;
}
namespace avx512 {
extern const BatchNormTable batch_norm_table;
}

}  // namespace troupe::gpu::reference
