#include "gpu/onednn/narrow_convolution.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "gpu/onednn/avx512.hpp"
#include "gpu/tensor.hpp"

namespace troupe::gpu::onednn {
namespace {

constexpr std::int64_t most_pixels = 14;  // with two vectors each 28 sums, and 4 registers are left

bool applies(const ConvolutionGeometry& g, int threads) {
  // The padded image is held whole, and wide strides can make its padding any size beside the output's.
  const bool little_padding = g.pad_top < g.kernel_height && g.pad_bottom < g.kernel_height &&
                              g.pad_left < g.kernel_width && g.pad_right < g.kernel_width;
  const bool three =
      g.kernel_height == 3 && g.kernel_width == 3 && (g.in_channels == 1 || g.in_channels == 3);
  const bool five = g.kernel_height == 5 && g.kernel_width == 5 && g.in_channels == 1;
  return has_avx512() && threads == 1 && little_padding && (three || five) && g.groups == 1 &&
         g.out_channels % lanes == 0 && g.dilation_height == 1 && g.dilation_width == 1;
}

/// One image with its padding, so that no tap has to ask where it is. In a row of NHWC the taps of a pixel and of
/// its neighbours in the window are one run of floats.
class PaddedImage {
 public:
  explicit PaddedImage(const ConvolutionGeometry& g)
      : row_floats_{(g.in_width + g.pad_left + g.pad_right) * g.in_channels},
        copied_floats_{g.in_width * g.in_channels},
        height_{g.in_height},
        first_{g.pad_top * row_floats_ + g.pad_left * g.in_channels},
        floats_{
            Tensor::zeros(DType::f32, {(g.in_height + g.pad_top + g.pad_bottom) * row_floats_})} {}
  void load(const float* image) {
    float* const to = data() + first_;
    for (std::int64_t row = 0; row < height_; ++row)
      std::memcpy(to + row * row_floats_, image + row * copied_floats_,
                  static_cast<std::size_t>(copied_floats_) * sizeof(float));
  }
  float* data() const { return reinterpret_cast<float*>(floats_.data()); }
  std::int64_t row_floats() const { return row_floats_; }
  std::int64_t image_floats() const { return height_ * copied_floats_; }

 private:
  std::int64_t row_floats_, copied_floats_, height_, first_;
  Tensor floats_;
};

struct ForwardTile {
  const float* x;  ///< the first pixel's first tap
  const float*
      weight;  ///< [kernel_height, run, out_channels], from the first channel of the tile on
  const float* bias;
  float* y;
  std::int64_t x_row, x_step, channels, kernel_height, run;
  float floor;  ///< 0 for relu, else -inf
};

/// Neighbouring output pixels, each with `vectors` · 16 channels: bias first, then the taps in their order.
template <int pixels, int vectors>
TROUPE_AVX512 void forward_tile(const ForwardTile& t) {
  __m512 sums[pixels][vectors];
#pragma GCC unroll 16
  for (int v = 0; v < vectors; ++v) {
    const __m512 bias = _mm512_loadu_ps(t.bias + v * lanes);
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) sums[p][v] = bias;
  }
  const float* weight = t.weight;
  for (std::int64_t i = 0; i < t.kernel_height; ++i) {
    const float* x = t.x + i * t.x_row;
    for (std::int64_t k = 0; k < t.run; ++k, ++x, weight += t.channels) {
      __m512 w[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) w[v] = _mm512_loadu_ps(weight + v * lanes);
#pragma GCC unroll 16
      for (int p = 0; p < pixels; ++p) {
        const __m512 value = _mm512_set1_ps(x[p * t.x_step]);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) sums[p][v] = _mm512_fmadd_ps(value, w[v], sums[p][v]);
      }
    }
  }
  const __m512 floor = _mm512_set1_ps(t.floor);
#pragma GCC unroll 16
  for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)  // a NaN is passed on from the second
      _mm512_storeu_ps(t.y + p * t.channels + v * lanes,
                       _mm512_maskz_max_ps(0xFFFF, floor, sums[p][v]));
}

using ForwardFunction = void (*)(const ForwardTile&);

template <int vectors, int... pixels>
constexpr std::array<ForwardFunction, most_pixels> forward_tiles(
    std::integer_sequence<int, pixels...>) {
  return {forward_tile<pixels + 1, vectors>...};
}

class NarrowForward final : public Kernel {
 public:
  explicit NarrowForward(const Convolution& op)
      : op_{op},
        image_{op.geometry},
        weight_{Tensor::zeros(DType::f32, {op.geometry.out_channels * taps()})},
        bias_{Tensor::zeros(DType::f32, {op.geometry.out_channels})} {}

  void run(void* const* operands) override {
    const ConvolutionGeometry& g = op_.geometry;
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const bias = reinterpret_cast<const float*>(bias_.data());
    transpose(static_cast<const float*>(operands[1]));
    ForwardTile tile{.x = nullptr,
                     .weight = nullptr,
                     .bias = nullptr,
                     .y = nullptr,
                     .x_row = image_.row_floats(),
                     .x_step = g.stride_width * g.in_channels,
                     .channels = g.out_channels,
                     .kernel_height = g.kernel_height,
                     .run = g.kernel_width * g.in_channels,
                     .floor = op_.activation == Activation::relu
                                  ? 0.0F
                                  : -std::numeric_limits<float>::infinity()};
    const float* const all_bias = op_.bias ? static_cast<const float*>(operands[2]) : bias;
    auto* y = static_cast<float*>(operands[op_.bias ? 3 : 2]);
    for (std::int64_t n = 0; n < g.rows; ++n) {
      image_.load(x + n * image_.image_floats());
      for (std::int64_t i = 0; i < g.out_height; ++i, y += g.out_width * g.out_channels) {
        for (std::int64_t channel = 0; channel < g.out_channels; channel += 2 * lanes) {
          tile.weight = reinterpret_cast<const float*>(weight_.data()) + channel;
          tile.bias = all_bias + channel;
          row(tile, image_.data() + i * g.stride_height * image_.row_floats(), y + channel,
              g.out_channels - channel > lanes);
        }
      }
    }
  }

 private:
  std::int64_t taps() const {
    const ConvolutionGeometry& g = op_.geometry;
    return g.kernel_height * g.kernel_width * g.in_channels;
  }

  void transpose(const float* weight) {
    auto* to = reinterpret_cast<float*>(weight_.data());
    const std::int64_t channels = op_.geometry.out_channels;
    for (std::int64_t tap = 0; tap < taps(); ++tap)
      for (std::int64_t channel = 0; channel < channels; ++channel)
        *to++ = weight[channel * taps() + tap];
  }

  /// A row of pixels in tiles that are as alike as can be.
  void row(ForwardTile& tile, const float* x, float* y, bool two_vectors) const {
    constexpr auto sequence = std::make_integer_sequence<int, most_pixels>{};
    static constexpr std::array functions = {forward_tiles<1>(sequence),
                                             forward_tiles<2>(sequence)};
    const std::int64_t width = op_.geometry.out_width;
    const std::int64_t tiles = (width + most_pixels - 1) / most_pixels;
    for (std::int64_t index = 0, begin = 0; index < tiles; ++index) {
      const std::int64_t end = width * (index + 1) / tiles;
      tile.x = x + begin * tile.x_step;
      tile.y = y + begin * tile.channels;
      functions[two_vectors ? 1 : 0][static_cast<std::size_t>(end - begin - 1)](tile);
      begin = end;
    }
  }

  Convolution op_;
  PaddedImage image_;
  Tensor weight_;  ///< [kernel height, kernel width, in, out]
  Tensor bias_;    ///< zeros, for an operation without
};

struct WeightsImage {
  const float* x;   ///< padded
  const float* dy;  ///< from the first of the channels on
  float* sums;      ///< [taps + 1, channels], likewise; the last row is the bias's
  std::int64_t height, width, x_row, x_row_step, x_step, channels;
};

/// Adds an image's share to the sums of `vectors` · 16 channels. Each image is summed by itself first, which keeps
/// the rounding errors of long sums away.
template <int kernel_height, int tap_run, int vectors>
TROUPE_AVX512 void add_image(const WeightsImage& t) {
  __m512 sums[kernel_height * tap_run + 1][vectors];
  for (auto& tap : sums)
    for (auto& sum : tap) sum = _mm512_setzero_ps();
  const float* dy = t.dy;
  for (std::int64_t i = 0; i < t.height; ++i) {
    const float* x = t.x + i * t.x_row_step;
    for (std::int64_t j = 0; j < t.width; ++j, x += t.x_step, dy += t.channels) {
      __m512 gradient[vectors];
      for (int v = 0; v < vectors; ++v) gradient[v] = _mm512_loadu_ps(dy + v * lanes);
#pragma GCC unroll 8
      for (int row = 0; row < kernel_height; ++row) {
#pragma GCC unroll 16
        for (int k = 0; k < tap_run; ++k) {
          const __m512 value = _mm512_set1_ps(x[row * t.x_row + k]);
          for (int v = 0; v < vectors; ++v) {
            auto& sum = sums[row * tap_run + k][v];
            sum = _mm512_fmadd_ps(value, gradient[v], sum);
          }
        }
      }
      for (int v = 0; v < vectors; ++v) {
        auto& sum = sums[kernel_height * tap_run][v];
        sum = _mm512_add_ps(sum, gradient[v]);
      }
    }
  }
  float* total = t.sums;
  for (auto& tap : sums) {
    for (int v = 0; v < vectors; ++v)
      _mm512_storeu_ps(total + v * lanes,
                       _mm512_add_ps(_mm512_loadu_ps(total + v * lanes), tap[v]));
    total += t.channels;
  }
}

class NarrowBackwardWeights final : public Kernel {
 public:
  explicit NarrowBackwardWeights(const ConvolutionBackwardWeights& op)
      : op_{op},
        image_{op.geometry},
        taps_{op.geometry.kernel_height * op.geometry.kernel_width * op.geometry.in_channels},
        sums_{Tensor::zeros(DType::f32, {(taps_ + 1) * op.geometry.out_channels})} {}

  void run(void* const* operands) override {
    const ConvolutionGeometry& g = op_.geometry;
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const dy = static_cast<const float*>(operands[1]);
    auto* const sums = reinterpret_cast<float*>(sums_.data());
    std::memset(sums, 0, sums_.size_bytes());
    // What fits the registers: 9 taps of two vectors, more taps of one.
    const std::int64_t step = taps_ == 9 ? 2 * lanes : lanes;
    for (std::int64_t n = 0; n < g.rows; ++n) {
      image_.load(x + n * image_.image_floats());
      for (std::int64_t channel = 0; channel < g.out_channels; channel += step) {
        const WeightsImage image{
            .x = image_.data(),
            .dy = dy + n * g.out_height * g.out_width * g.out_channels + channel,
            .sums = sums + channel,
            .height = g.out_height,
            .width = g.out_width,
            .x_row = image_.row_floats(),
            .x_row_step = image_.row_floats() * g.stride_height,
            .x_step = g.in_channels * g.stride_width,
            .channels = g.out_channels};
        if (taps_ == 25)
          add_image<5, 5, 1>(image);
        else if (taps_ == 27)
          add_image<3, 9, 1>(image);
        else if (g.out_channels - channel > lanes)
          add_image<3, 3, 2>(image);
        else
          add_image<3, 3, 1>(image);
      }
    }
    auto* const dweight = static_cast<float*>(operands[2]);
    for (std::int64_t channel = 0; channel < g.out_channels; ++channel)
      for (std::int64_t tap = 0; tap < taps_; ++tap)
        dweight[channel * taps_ + tap] = sums[tap * g.out_channels + channel];
    if (op_.bias)
      std::copy_n(sums + taps_ * g.out_channels, g.out_channels, static_cast<float*>(operands[3]));
  }

 private:
  ConvolutionBackwardWeights op_;
  PaddedImage image_;
  std::int64_t taps_;
  Tensor sums_;
};

}  // namespace

std::unique_ptr<Kernel> make_narrow_kernel(const Recipe& recipe, const Convolution& op) {
  const bool simple = op.activation == Activation::none || op.activation == Activation::relu;
  if (!simple || !applies(op.geometry, recipe.threads)) return nullptr;
  return std::make_unique<NarrowForward>(op);
}

std::unique_ptr<Kernel> make_narrow_kernel(const Recipe& recipe,
                                           const ConvolutionBackwardWeights& op) {
  if (!applies(op.geometry, recipe.threads)) return nullptr;
  return std::make_unique<NarrowBackwardWeights>(op);
}

}  // namespace troupe::gpu::onednn

#else

namespace troupe::gpu::onednn {

std::unique_ptr<Kernel> make_narrow_kernel(const Recipe&, const Convolution&) {
  return nullptr;
}

std::unique_ptr<Kernel> make_narrow_kernel(const Recipe&, const ConvolutionBackwardWeights&) {
  return nullptr;
}

}  // namespace troupe::gpu::onednn

#endif
