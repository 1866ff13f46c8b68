#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/batch_norm.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

struct LayerNormResult {
  Values y, mean, inverse_deviation;
};
LayerNormResult layer_norm(const gpu::LayerNorm& shape, const Values& x, const Values& scale,
                           const Values& shift);
/// Takes its mean and deviation from x.
NormGradients layer_norm_backward(const gpu::LayerNormBackward& shape, const Values& x,
                                  const Values& dy, const Values& scale);

}  // namespace troupe::test::reference
