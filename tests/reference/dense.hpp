#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// `bias` is empty where there is none.
Values dense(const gpu::Dense& shape, const Values& x, const Values& weight, const Values& bias);
Values dense_backward_data(const gpu::DenseBackwardData& shape, const Values& dy,
                           const Values& weight);

struct WeightGradients {
  Values weight, bias;
};
WeightGradients dense_backward_weights(const gpu::DenseBackwardWeights& shape, const Values& x,
                                       const Values& dy);

}  // namespace troupe::test::reference
