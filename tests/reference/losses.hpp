#pragma once

#include <cstdint>
#include <vector>

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

struct Loss {
  double sum = 0;
  std::int64_t rows = 0;  ///< that count
  Values gradient;
};
/// `rows_in_use` is StepState::rows.
Loss softmax_cross_entropy(const gpu::SoftmaxCrossEntropy& shape, std::uint32_t rows_in_use,
                           const Values& logits, const std::vector<std::int32_t>& labels);
Loss binary_cross_entropy(const gpu::BinaryCrossEntropy& shape, std::uint32_t rows_in_use,
                          const Values& x, const Values& target);
Loss mean_squared_error(const gpu::MeanSquaredError& shape, std::uint32_t rows_in_use,
                        const Values& x, const Values& target);

}  // namespace troupe::test::reference
