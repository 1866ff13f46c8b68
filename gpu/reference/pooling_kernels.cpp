#include "gpu/reference/pooling_kernels.hpp"

#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/window.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

TROUPE_INLINE bool wins(float value, float best) {
  return value > best || value != value;
}

TROUPE_INLINE void fold_maximum(const float* __restrict x, std::int64_t channels, std::int32_t tap,
                                float* __restrict best, std::int32_t* __restrict taps) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const bool won = wins(x[c], best[c]);
    best[c] = won ? x[c] : best[c];
    taps[c] = won ? tap : taps[c];
  }
}

TROUPE_INLINE void fold_maximum(const float* __restrict x, std::int64_t channels,
                                float* __restrict best) {
  for (std::int64_t c = 0; c < channels; ++c) best[c] = wins(x[c], best[c]) ? x[c] : best[c];
}

TROUPE_INLINE void add(const float* __restrict values, std::int64_t count, float* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = sums[i] + values[i];
}

std::int64_t seen_taps(const Window& window, std::int64_t position) {
  std::int64_t count = 0;
  for_each_tap(window, position, [&](std::int64_t, std::int64_t) { ++count; });
  return count;
}

void maximum(const Window& window, const float* x, float* y, std::int32_t* taps) {
  const std::int64_t channels = window.in_channels;
  for (std::int64_t position = 0; position < window.positions(); ++position, y += channels) {
    bool first = true;
    for_each_tap(window, position, [&](std::int64_t tap, std::int64_t offset) {
      const auto number = static_cast<std::int32_t>(tap);
      if (first) {
        for (std::int64_t c = 0; c < channels; ++c) y[c] = x[offset + c];
        for (std::int64_t c = 0; taps != nullptr && c < channels; ++c) taps[c] = number;
        first = false;
      } else if (taps != nullptr) {
        fold_maximum(x + offset, channels, number, y, taps);
      } else {
        fold_maximum(x + offset, channels, y);
      }
    });
    for (std::int64_t c = 0; first && c < channels; ++c) y[c] = 0.0F;
    for (std::int64_t c = 0; first && taps != nullptr && c < channels; ++c) taps[c] = -1;
    if (taps != nullptr) taps += channels;
  }
}

void average(const Window& window, const float* x, float* y) {
  const std::int64_t channels = window.in_channels;
  for (std::int64_t position = 0; position < window.positions(); ++position, y += channels) {
    std::int64_t count = 0;
    for (std::int64_t c = 0; c < channels; ++c) y[c] = 0.0F;
    for_each_tap(window, position, [&](std::int64_t, std::int64_t offset) {
      add(x + offset, channels, y);
      ++count;
    });
    const auto divisor = static_cast<float>(count > 0 ? count : 1);
    for (std::int64_t c = 0; c < channels; ++c) y[c] = y[c] / divisor;
  }
}

void maximum_backward(const Window& window, const float* dy, const std::int32_t* taps, float* dx) {
  const std::int64_t channels = window.in_channels;
  for (std::int64_t position = 0; position < window.positions(); ++position) {
    for_each_tap(window, position, [&](std::int64_t tap, std::int64_t offset) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const float gradient = taps[c] == tap ? dy[c] : 0.0F;
        dx[offset + c] = dx[offset + c] + gradient;
      }
    });
    dy += channels;
    taps += channels;
  }
}

void average_backward(const Window& window, const float* dy, float* dx) {
  const std::int64_t channels = window.in_channels;
  for (std::int64_t position = 0; position < window.positions(); ++position, dy += channels) {
    const auto divisor = static_cast<float>(seen_taps(window, position));
    for_each_tap(window, position, [&](std::int64_t, std::int64_t offset) {
      for (std::int64_t c = 0; c < channels; ++c) {
        dx[offset + c] = dx[offset + c] + dy[c] / divisor;
      }
    });
  }
}

}  // namespace

const PoolingTable pooling_table = {maximum, average, maximum_backward, average_backward};

}  // namespace troupe::gpu::reference::TROUPE_ISA
