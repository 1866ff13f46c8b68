#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

/// Losses as operation.hpp defines them, summed over the first `rows` of `all_rows` in order of row; the
/// gradient (null: not wanted) of the others is 0. f64 throughout, rounded once into the gradient.
struct LossSum {
  double loss = 0.0;
  std::int64_t counted = 0;
};
struct LossTable {
  LossSum (*cross_entropy)(const float* logits, const std::int32_t* labels, float* gradient,
                           std::int64_t all_rows, std::int64_t rows, std::int64_t classes,
                           double smoothing, std::int32_t ignore_index);
  LossSum (*binary_cross_entropy)(const float* x, const float* target, float* gradient,
                                  std::int64_t all_rows, std::int64_t rows, std::int64_t width);
  LossSum (*squared_error)(const float* x, const float* target, float* gradient,
                           std::int64_t all_rows, std::int64_t rows, std::int64_t width);
};

namespace baseline {
extern const LossTable loss_table;
}
namespace avx2 {
extern const LossTable loss_table;
}
namespace avx512 {
extern const LossTable loss_table;
}

}  // namespace troupe::gpu::reference
