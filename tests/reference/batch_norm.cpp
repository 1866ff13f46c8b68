#include "tests/reference/batch_norm.hpp"

#include <cmath>

#include "tests/reference/activations.hpp"

namespace troupe::test::reference {

BatchNormResult batch_norm(const gpu::BatchNorm& shape, const Values& x, const Values& scale,
                           const Values& shift) {
  const auto count = static_cast<std::size_t>(shape.count),
             channels = static_cast<std::size_t>(shape.channels);
  const auto n = static_cast<double>(count);
  BatchNormResult result{Values(x.size()), Values(channels), Values(channels),
                         Values(1 + 2 * channels), Values(x.size())};
  result.moments[0] = n;
  for (std::size_t c = 0; c < channels; ++c) {
    double& mean = result.mean[c];
    double& variance = result.variance[c];
    for (std::size_t i = 0; i < count; ++i) mean += x[i * channels + c] / n;
    for (std::size_t i = 0; i < count; ++i) {
      variance += (x[i * channels + c] - mean) * (x[i * channels + c] - mean) / n;
    }
    const double deviation = std::sqrt(variance + static_cast<double>(shape.epsilon));
    for (std::size_t i = c; i < x.size(); i += channels) {
      result.before_relu[i] = scale[c] * (x[i] - mean) / deviation + shift[c];
      result.y[i] = activate(shape.activation, result.before_relu[i]);
    }
    result.moments[1 + c] = n * mean;
    result.moments[1 + channels + c] = n * (variance + mean * mean);
  }
  return result;
}

// With x̂ = (x - μ) / σ, σ² = v + ε, and g the gradient of scale · x̂ + shift:
//   dshift = Σ g, dscale = Σ g x̂;
//   dx̂_j/dx_i = (δ_ij - 1/n - x̂_i x̂_j / n) / σ, so dx_i = scale / σ · (g_i - mean(g) - x̂_i mean(g x̂)).
NormGradients batch_norm_backward(const gpu::BatchNormBackward& shape, const Values& x,
                                  const Values& dy, const Values& scale, const Values& shift) {
  const auto count = static_cast<std::size_t>(shape.count),
             channels = static_cast<std::size_t>(shape.channels);
  const BatchNormResult forward =
      batch_norm({shape.count, shape.channels, shape.epsilon, shape.activation}, x, scale, shift);
  NormGradients gradients{Values(x.size()), Values(channels), Values(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    const double deviation = std::sqrt(forward.variance[c] + static_cast<double>(shape.epsilon));
    const auto normal = [&](std::size_t i) { return (x[i] - forward.mean[c]) / deviation; };
    const auto g = [&](std::size_t i) {
      return dy[i] * derivative(shape.activation, forward.before_relu[i]);
    };
    for (std::size_t i = c; i < x.size(); i += channels) {
      gradients.shift[c] += g(i);
      gradients.scale[c] += g(i) * normal(i);
    }
    const double mean_g = gradients.shift[c] / static_cast<double>(count);
    const double mean_gx = gradients.scale[c] / static_cast<double>(count);
    for (std::size_t i = c; i < x.size(); i += channels) {
      gradients.x[i] = scale[c] / deviation * (g(i) - mean_g - normal(i) * mean_gx);
    }
  }
  return gradients;
}

Values batch_norm_inference(const gpu::BatchNormInference& shape, const Values& x,
                            const Values& scale, const Values& shift, const Values& mean,
                            const Values& variance) {
  const auto channels = static_cast<std::size_t>(shape.channels);
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % channels;
    const double deviation = std::sqrt(variance[c] + static_cast<double>(shape.epsilon));
    y[i] = activate(shape.activation, scale[c] * (x[i] - mean[c]) / deviation + shift[c]);
  }
  return y;
}

}  // namespace troupe::test::reference
