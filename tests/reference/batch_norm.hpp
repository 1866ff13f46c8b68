#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

struct BatchNormResult {
  Values y, mean, variance;
  Values moments;      ///< [1 + 2 · channels], as gpu::BatchNorm says
  Values before_relu;  ///< y without the activation
};
BatchNormResult batch_norm(const gpu::BatchNorm& shape, const Values& x, const Values& scale,
                           const Values& shift);

struct NormGradients {
  Values x, scale, shift;
};
/// Takes its mean, variance and the sign of the activated output from x.
NormGradients batch_norm_backward(const gpu::BatchNormBackward& shape, const Values& x,
                                  const Values& dy, const Values& scale, const Values& shift);

Values batch_norm_inference(const gpu::BatchNormInference& shape, const Values& x,
                            const Values& scale, const Values& shift, const Values& mean,
                            const Values& variance);

}  // namespace troupe::test::reference
