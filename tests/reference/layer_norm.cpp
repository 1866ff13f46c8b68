#include "tests/reference/layer_norm.hpp"

#include <cmath>

namespace troupe::test::reference {

LayerNormResult layer_norm(const gpu::LayerNorm& shape, const Values& x, const Values& scale,
                           const Values& shift) {
  const auto rows = static_cast<std::size_t>(shape.rows),
             width = static_cast<std::size_t>(shape.width);
  const auto n = static_cast<double>(width);
  LayerNormResult result{Values(x.size()), Values(rows), Values(rows)};
  for (std::size_t r = 0; r < rows; ++r) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < width; ++i) mean += x[r * width + i] / n;
    for (std::size_t i = 0; i < width; ++i) {
      variance += (x[r * width + i] - mean) * (x[r * width + i] - mean) / n;
    }
    const double inverse = 1.0 / std::sqrt(variance + static_cast<double>(shape.epsilon));
    for (std::size_t i = 0; i < width; ++i) {
      result.y[r * width + i] = scale[i] * (x[r * width + i] - mean) * inverse + shift[i];
    }
    result.mean[r] = mean;
    result.inverse_deviation[r] = inverse;
  }
  return result;
}

// As for batch norm, but that the scale stands inside of the means: with g = scale · dy,
// dx_i = (g_i - mean(g) - x̂_i mean(g x̂)) / σ.
NormGradients layer_norm_backward(const gpu::LayerNormBackward& shape, const Values& x,
                                  const Values& dy, const Values& scale) {
  const auto rows = static_cast<std::size_t>(shape.rows),
             width = static_cast<std::size_t>(shape.width);
  const LayerNormResult forward =
      layer_norm({shape.rows, shape.width, shape.epsilon}, x, scale, Values(width));
  NormGradients gradients{Values(x.size()), Values(width), Values(width)};
  for (std::size_t r = 0; r < rows; ++r) {
    const double inverse = forward.inverse_deviation[r];
    double mean_g = 0, mean_gx = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t at = r * width + i;
      const double normal = (x[at] - forward.mean[r]) * inverse;
      gradients.shift[i] += dy[at];
      gradients.scale[i] += dy[at] * normal;
      mean_g += scale[i] * dy[at] / static_cast<double>(width);
      mean_gx += scale[i] * dy[at] * normal / static_cast<double>(width);
    }
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t at = r * width + i;
      const double normal = (x[at] - forward.mean[r]) * inverse;
      gradients.x[at] = (scale[i] * dy[at] - mean_g - normal * mean_gx) * inverse;
    }
  }
  return gradients;
}

}  // namespace troupe::test::reference
