#include "gpu/reference/layer_norm_kernels.hpp"

#include <cmath>
#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/lanes.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

/// Calls visit(first element, how many) for sixteen elements of a row at a time.
template <class Visit>
TROUPE_INLINE void for_each_chunk(std::int64_t width, Visit visit) {
  for (std::int64_t i = 0; i < width; i += lanes) {
    visit(i, width - i < lanes ? width - i : lanes);
  }
}

/// `count` ones, then zeros: lanes beyond a row's end must not count its distance from the mean.
TROUPE_INLINE Lanes<double> ones(std::int64_t count) {
  double values[lanes];
  for (int lane = 0; lane < lanes; ++lane) values[lane] = lane < count ? 1.0 : 0.0;
  return Lanes<double>::load(values);
}

void forward(const float* x, const float* __restrict scale, const float* __restrict shift,
             float epsilon, std::int64_t rows, std::int64_t width, float* y, float* mean,
             float* inverse) {
  const auto n = static_cast<double>(width);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* __restrict from = x + row * width;
    float* __restrict to = y + row * width;
    Lanes<double> sum = Lanes<double>::all(0.0);
    for_each_chunk(width, [&](std::int64_t i, std::int64_t count) {
      sum = sum + widen(load_some(from + i, count));
    });
    const double center = total(sum) / n;

    const Lanes<double> middle = Lanes<double>::all(center);
    Lanes<double> squares = Lanes<double>::all(0.0);
    for_each_chunk(width, [&](std::int64_t i, std::int64_t count) {
      Lanes<double> distance = widen(load_some(from + i, count)) - middle;
      if (count < lanes) distance = distance * ones(count);
      squares = squares + distance * distance;
    });
    const double variance = total(squares) / n;

    const auto m = static_cast<float>(center);
    const auto r =
        static_cast<float>(1.0 / __builtin_sqrt(variance + static_cast<double>(epsilon)));
    for (std::int64_t i = 0; i < width; ++i) to[i] = ((from[i] - m) * r) * scale[i] + shift[i];
    mean[row] = m;
    inverse[row] = r;
  }
}

void backward_data(const float* x, const float* dy, const float* __restrict scale,
                   const float* mean, const float* inverse, std::int64_t rows, std::int64_t width,
                   float* dx) {
  const auto n = static_cast<double>(width);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* __restrict from = x + row * width;
    const float* __restrict gradient = dy + row * width;
    float* __restrict to = dx + row * width;
    const float m = mean[row], r = inverse[row];
    Lanes<double> sum = Lanes<double>::all(0.0);
    Lanes<double> product = Lanes<double>::all(0.0);
    for_each_chunk(width, [&](std::int64_t i, std::int64_t count) {
      const Lanes<float> g = load_some(gradient + i, count) * load_some(scale + i, count);
      const Lanes<float> normal =
          (load_some(from + i, count) - Lanes<float>::all(m)) * Lanes<float>::all(r);
      sum = sum + widen(g);
      product = product + widen(g) * widen(normal);
    });
    const auto mean_g = static_cast<float>(total(sum) / n);
    const auto slope = static_cast<float>(total(product) / n);
    for (std::int64_t i = 0; i < width; ++i) {
      to[i] = r * ((gradient[i] * scale[i] - mean_g) - ((from[i] - m) * r) * slope);
    }
  }
}

void backward_parameters(const float* x, const float* dy, const float* mean, const float* inverse,
                         std::int64_t rows, std::int64_t width, float* dscale, float* dshift) {
  for_each_chunk(width, [&](std::int64_t i, std::int64_t count) {
    Lanes<double> scale = Lanes<double>::all(0.0);
    Lanes<double> shift = Lanes<double>::all(0.0);
    for (std::int64_t row = 0; row < rows; ++row) {
      const Lanes<double> gradient = widen(load_some(dy + row * width + i, count));
      const Lanes<float> normal =
          (load_some(x + row * width + i, count) - Lanes<float>::all(mean[row])) *
          Lanes<float>::all(inverse[row]);
      scale = scale + gradient * widen(normal);
      shift = shift + gradient;
    }
    double scales[lanes], shifts[lanes];
    scale.store(scales);
    shift.store(shifts);
    for (std::int64_t lane = 0; lane < count; ++lane) {
      dscale[i + lane] = static_cast<float>(scales[lane]);
      dshift[i + lane] = static_cast<float>(shifts[lane]);
    }
  });
}

}  // namespace

const LayerNormTable layer_norm_table = {forward, backward_data, backward_parameters};

}  // namespace troupe::gpu::reference::TROUPE_ISA
