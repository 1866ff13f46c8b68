#include "gpu/reference/convolution_kernels.hpp"

#include <cstdint>
#include <cstring>

#include "gpu/reference/gemm.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/lanes.hpp"
#include "gpu/reference/window.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

TROUPE_INLINE void add(const float* __restrict values, std::int64_t count, float* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = sums[i] + values[i];
}

TROUPE_INLINE void add_products(const float* __restrict a, const float* __restrict b,
                                std::int64_t count, float* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = sums[i] + a[i] * b[i];
}

void zero(float* values, std::int64_t count) {
  std::memset(values, 0, sizeof(float) * static_cast<std::size_t>(count));
}

void add_patches(const Window& window, std::int64_t first, std::int64_t count, const float* patches,
                 float* image) {
  const std::int64_t size = window.taps() * window.channels;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const patch = patches + i * size;
    for_each_run(
        window, first + i, 0, size,
        [&](std::int64_t at, std::int64_t length, std::int64_t offset) {
          add(patch + at, length, image + offset);
        },
        [](std::int64_t, std::int64_t) {});
  }
}

void depthwise(const Window& window, const float* x, const float* weight, const float* bias,
               bool with_relu, float* y) {
  const std::int64_t channels = window.in_channels;
  for (std::int64_t position = 0; position < window.positions(); ++position, y += channels) {
    zero(y, channels);
    for_each_tap(window, position, [&](std::int64_t tap, std::int64_t offset) {
      add_products(x + offset, weight + tap * channels, channels, y);
    });
    if (bias != nullptr) add(bias, channels, y);
    if (with_relu) {
      for (std::int64_t c = 0; c < channels; ++c) y[c] = relu(y[c]);
    }
  }
}

void depthwise_data(const Window& window, const float* dy, const float* weight, float* dx) {
  const std::int64_t channels = window.in_channels;
  zero(dx, window.pixels() * channels);
  for (std::int64_t position = 0; position < window.positions(); ++position, dy += channels) {
    for_each_tap(window, position, [&](std::int64_t tap, std::int64_t offset) {
      add_products(dy, weight + tap * channels, channels, dx + offset);
    });
  }
}

void depthwise_weights(const Window& window, const float* x, const float* dy, float* run,
                       float* dweight) {
  const std::int64_t channels = window.in_channels;
  const std::int64_t size = window.taps() * channels;
  zero(dweight, size);
  for (std::int64_t first = 0; first < window.positions(); first += gemm_run) {
    zero(run, size);
    for (std::int64_t i = 0; i < gemm_run && first + i < window.positions(); ++i, dy += channels) {
      for_each_tap(window, first + i, [&](std::int64_t tap, std::int64_t offset) {
        add_products(x + offset, dy, channels, run + tap * channels);
      });
    }
    add(run, size, dweight);
  }
}

}  // namespace

const ConvolutionTable convolution_table = {add_patches, depthwise, depthwise_data,
                                            depthwise_weights};

}  // namespace troupe::gpu::reference::TROUPE_ISA
