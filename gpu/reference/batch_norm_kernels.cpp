#include "gpu/reference/batch_norm_kernels.hpp"

#include <cmath>
#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/lanes.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

/// Calls visit(first channel, how many) for sixteen channels at a time.
template <class Visit>
TROUPE_INLINE void for_each_column(std::int64_t channels, Visit visit) {
  for (std::int64_t c = 0; c < channels; c += lanes) {
    visit(c, channels - c < lanes ? channels - c : lanes);
  }
}

void moments(const float* x, std::int64_t count, std::int64_t channels, double* mean,
             double* variance) {
  const auto n = static_cast<double>(count);
  for_each_column(channels, [&](std::int64_t c, std::int64_t width) {
    Lanes<double> sum = Lanes<double>::all(0.0);
    for (std::int64_t i = 0; i < count; ++i) {
      sum = sum + widen(load_some(x + i * channels + c, width));
    }
    double center[lanes];
    sum.store(center);
    for (double& value : center) value /= n;

    const Lanes<double> middle = Lanes<double>::load(center);
    Lanes<double> squares = Lanes<double>::all(0.0);
    for (std::int64_t i = 0; i < count; ++i) {
      const Lanes<double> distance = widen(load_some(x + i * channels + c, width)) - middle;
      squares = squares + distance * distance;
    }
    double spread[lanes];
    squares.store(spread);
    for (std::int64_t lane = 0; lane < width; ++lane) {
      mean[c + lane] = center[lane];
      variance[c + lane] = spread[lane] / n;
    }
  });
}

void factors(const float* scale, const float* variance, float epsilon, std::int64_t channels,
             float* factor) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const double deviation =
        __builtin_sqrt(static_cast<double>(variance[c]) + static_cast<double>(epsilon));
    factor[c] = static_cast<float>(static_cast<double>(scale[c]) / deviation);
  }
}

void apply(const float* __restrict x, const float* __restrict mean, const float* __restrict factor,
           const float* __restrict shift, std::int64_t count, std::int64_t channels, bool with_relu,
           float* __restrict y, std::uint8_t* __restrict passes) {
  for (std::int64_t i = 0; i < count; ++i, x += channels, y += channels) {
    for (std::int64_t c = 0; c < channels; ++c) y[c] = (x[c] - mean[c]) * factor[c] + shift[c];
    if (with_relu) {
      for (std::int64_t c = 0; c < channels; ++c) y[c] = relu(y[c]);
    }
    if (passes != nullptr) {
      for (std::int64_t c = 0; c < channels; ++c) passes[c] = y[c] <= 0.0F ? 0 : 1;
      passes += channels;
    }
  }
}

/// dy of sixteen channels, with 0 where the activation's output was 0.
TROUPE_INLINE Lanes<float> load_gradient(const float* dy, const std::uint8_t* passes,
                                         std::int64_t at, std::int64_t width) {
  if (passes == nullptr) return load_some(dy + at, width);
  float passed[lanes] = {};
  if (width == lanes) {
    for (int lane = 0; lane < lanes; ++lane) {
      passed[lane] = passes[at + lane] != 0 ? dy[at + lane] : 0.0F;
    }
  } else {
    for (std::int64_t lane = 0; lane < width; ++lane) {
      passed[lane] = passes[at + lane] != 0 ? dy[at + lane] : 0.0F;
    }
  }
  return Lanes<float>::load(passed);
}

void gradient_sums(const float* x, const float* dy, const std::uint8_t* passes, const float* mean,
                   std::int64_t count, std::int64_t channels, double* sum, double* product) {
  for_each_column(channels, [&](std::int64_t c, std::int64_t width) {
    const Lanes<double> middle = widen(load_some(mean + c, width));
    Lanes<double> sums = Lanes<double>::all(0.0);
    Lanes<double> products = Lanes<double>::all(0.0);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = i * channels + c;
      const Lanes<double> gradient = widen(load_gradient(dy, passes, at, width));
      sums = sums + gradient;
      products = products + gradient * (widen(load_some(x + at, width)) - middle);
    }
    store_some(sums, sum + c, width);
    store_some(products, product + c, width);
  });
}

void gradient(const float* __restrict x, const float* __restrict dy,
              const std::uint8_t* __restrict passes, const float* __restrict mean,
              const float* __restrict factor, const float* __restrict mean_dy,
              const float* __restrict slope, std::int64_t count, std::int64_t channels,
              float* __restrict dx) {
  for (std::int64_t i = 0; i < count; ++i, x += channels, dy += channels, dx += channels) {
    if (passes == nullptr) {
      for (std::int64_t c = 0; c < channels; ++c) {
        dx[c] = factor[c] * ((dy[c] - mean_dy[c]) - (x[c] - mean[c]) * slope[c]);
      }
    } else {
      for (std::int64_t c = 0; c < channels; ++c) {
        const float passed = passes[c] != 0 ? dy[c] : 0.0F;
        dx[c] = factor[c] * ((passed - mean_dy[c]) - (x[c] - mean[c]) * slope[c]);
      }
      passes += channels;
    }
  }
}

}  // namespace

const BatchNormTable batch_norm_table = {moments, factors, apply, gradient_sums, gradient};

}  // namespace troupe::gpu::reference::TROUPE_ISA
