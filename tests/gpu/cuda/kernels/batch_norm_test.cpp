#include "gpu/cuda/kernels/batch_norm.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gpu/tensor.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::gpu;
using namespace troupe::test::reference;

TEST_CASE("CUDA batch norm: variance and moments come back from the inverse deviation") {
  const troupe::FloatEnvironment environment;
  for (const std::int64_t channels : {1, 3, 64, 1000}) {
    const auto size = static_cast<std::size_t>(channels);
    constexpr float epsilon = 1e-3F;
    const Values mean = random_values(size, 1, -2, 2), variance = random_values(size, 2, 0.1, 4);
    const std::vector<float> means = to_floats(mean), variances = to_floats(variance);
    std::vector<float> inverse(size), back(size);
    std::vector<double> moments(1 + 2 * size);
    cuda::inverse_deviations(nullptr, channels, epsilon, variances.data(), inverse.data());
    cuda::batch_norm_moments(nullptr, 640, channels, epsilon, means.data(), inverse.data(),
                             back.data(), moments.data());
    Values wanted_inverse, wanted_moments{640.0};
    for (const double v : variance) {
      wanted_inverse.push_back(1.0 / std::sqrt(v + static_cast<double>(epsilon)));
    }
    for (const double m : mean) wanted_moments.push_back(640.0 * m);
    for (std::size_t c = 0; c < size; ++c) {
      wanted_moments.push_back(640.0 * (variance[c] + mean[c] * mean[c]));
    }
    check_close(inverse, wanted_inverse, "inverse deviation", 1e-6);
    check_close(back, variance, "variance", 1e-6);
    check_close(moments, wanted_moments, "moments", 1e-6);
  }
}

TEST_CASE("CUDA batch norm: a variance is never negative") {
  // Rounded up, the inverse deviation of a variance of 0.
  const float mean = 1.0F, inverse = std::nextafter(1.0F / std::sqrt(1e-5F), 1e9F);
  float variance = -1.0F;
  double moments[3];
  cuda::batch_norm_moments(nullptr, 2, 1, 1e-5F, &mean, &inverse, &variance, moments);
  CHECK(variance == 0.0F);
  CHECK(moments[2] == 2.0);
}

TEST_CASE("CUDA batch norm: relu keeps a mask, and the mask lets gradients pass") {
  const troupe::FloatEnvironment environment;
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t elements : {1U, 8U, 100U, 1003U}) {
    for (const std::size_t offset : {0U, 1U}) {  // by packets, and one by one
      const auto count = static_cast<std::int64_t>(elements);
      std::vector<float> y = to_floats(random_values(elements + offset, 3));
      y[offset] = elements == 8 ? not_a_number : -0.0F;
      const std::vector<float> before = y;
      std::vector<std::uint8_t> passes(elements + offset, 7);
      cuda::relu_with_mask(nullptr, DType::f32, count, y.data() + offset, passes.data() + offset);
      const std::vector<float> dy = to_floats(random_values(elements + offset, 4, 1, 2));
      std::vector<float> masked(elements + offset);
      cuda::mask_gradient(nullptr, DType::f32, count, dy.data() + offset, passes.data() + offset,
                          masked.data() + offset);

      std::vector<std::uint16_t> halves, half_dy;
      for (const float value : before) halves.push_back(to_bf16(value));
      for (const float value : dy) half_dy.push_back(to_bf16(value));
      std::vector<std::uint8_t> half_passes(elements + offset);
      cuda::relu_with_mask(nullptr, DType::bf16, count, halves.data() + offset,
                           half_passes.data() + offset);
      cuda::mask_gradient(nullptr, DType::bf16, count, half_dy.data() + offset,
                          half_passes.data() + offset, half_dy.data() + offset);
      std::size_t wrong = 0;
      for (std::size_t i = offset; i < elements + offset; ++i) {
        const bool stops = before[i] <= 0.0F;
        const float wanted = stops ? 0.0F : before[i];
        const bool same = std::isnan(wanted) ? std::isnan(y[i]) : y[i] == wanted;
        if (!same || std::signbit(y[i]) != std::signbit(wanted)) ++wrong;
        if (passes[i] != (stops ? 0 : 1) || half_passes[i] != passes[i]) ++wrong;
        if (masked[i] != (stops ? 0.0F : dy[i])) ++wrong;
        if (halves[i] != to_bf16(wanted)) ++wrong;
        if (half_dy[i] != (stops ? 0 : to_bf16(dy[i]))) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}
