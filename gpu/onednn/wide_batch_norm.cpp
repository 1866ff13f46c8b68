#include "gpu/onednn/wide_batch_norm.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gpu/onednn/avx512.hpp"
#include "gpu/tensor.hpp"

namespace troupe::gpu::onednn {
namespace {

constexpr std::int64_t block_floats = 4096;  // 16 KiB, half of the L1 cache
constexpr std::int64_t chains = 4;           // of sums, to hide the latency of an addition

std::int64_t block_rows(std::int64_t channels) {
  return std::max(chains, block_floats / channels);
}

bool applies(std::int64_t channels, int threads) {
  return threads == 1 && channels % lanes == 0 && has_avx512();
}

TROUPE_AVX512 __m512 total(const __m512 (&sums)[chains]) {
  return _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
}

/// Of 16 channels of a block: the mean, and the sum of the squared distances from it.
TROUPE_AVX512 void block_statistics(const float* x, std::int64_t rows, std::int64_t channels,
                                    float* mean, float* squares) {
  __m512 sums[chains] = {};
  std::int64_t row = 0;
  for (; row + chains <= rows; row += chains)
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < chains; ++k)
      sums[k] = _mm512_add_ps(sums[k], _mm512_loadu_ps(x + (row + k) * channels));
  for (; row < rows; ++row) sums[0] = _mm512_add_ps(sums[0], _mm512_loadu_ps(x + row * channels));
  const __m512 middle = _mm512_div_ps(total(sums), _mm512_set1_ps(static_cast<float>(rows)));
  _mm512_storeu_ps(mean, middle);

  __m512 parts[chains] = {};
  for (row = 0; row + chains <= rows; row += chains)
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < chains; ++k) {
      const __m512 distance = _mm512_sub_ps(_mm512_loadu_ps(x + (row + k) * channels), middle);
      parts[k] = _mm512_fmadd_ps(distance, distance, parts[k]);
    }
  for (; row < rows; ++row) {
    const __m512 distance = _mm512_sub_ps(_mm512_loadu_ps(x + row * channels), middle);
    parts[0] = _mm512_fmadd_ps(distance, distance, parts[0]);
  }
  _mm512_storeu_ps(squares, total(parts));
}

/// `mean` and `squares` (the sum of squared distances) of each channel.
TROUPE_AVX512 void statistics(const float* x, std::int64_t count, std::int64_t channels,
                              double* mean, double* squares) {
  std::fill_n(mean, channels, 0.0);
  std::fill_n(squares, channels, 0.0);
  for (std::int64_t before = 0; before < count;) {
    const std::int64_t rows = std::min(block_rows(channels), count - before);
    const double share = static_cast<double>(rows) / static_cast<double>(before + rows);
    const double cross = static_cast<double>(before) * share;
    for (std::int64_t c = 0; c < channels; c += lanes) {
      alignas(64) float block_mean[lanes], block_squares[lanes];
      block_statistics(x + before * channels + c, rows, channels, block_mean, block_squares);
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const double step = static_cast<double>(block_mean[lane]) - mean[c + lane];
        mean[c + lane] += step * share;
        squares[c + lane] += static_cast<double>(block_squares[lane]) + step * step * cross;
      }
    }
    before += rows;
  }
}

/// y = max(floor, (x - mean) · factor + shift); `passed` gets a bit an element where relu is fused.
TROUPE_AVX512 void apply(const float* x, std::int64_t count, std::int64_t channels,
                         const float* mean, const float* factor, const float* shift, bool relu,
                         float* y, std::uint16_t* passed) {
  const __m512 floor = _mm512_set1_ps(relu ? 0.0F : -std::numeric_limits<float>::infinity());
  for (std::int64_t row = 0; row < count; ++row) {
    for (std::int64_t c = 0; c < channels; c += lanes, x += lanes, y += lanes) {
      const __m512 distance = _mm512_sub_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(mean + c));
      const __m512 value =
          _mm512_fmadd_ps(distance, _mm512_loadu_ps(factor + c), _mm512_loadu_ps(shift + c));
      if (relu) *passed++ = _mm512_cmp_ps_mask(value, floor, _CMP_GT_OQ);
      // a NaN is passed on from the second operand
      _mm512_storeu_ps(y, _mm512_maskz_max_ps(0xFFFF, floor, value));
    }
  }
}

struct Gradient {
  const float* x;
  const float* dy;
  const std::uint16_t* passed;  ///< null: all
  std::int64_t count, channels;
};

TROUPE_AVX512 inline __m512 gradient_at(const Gradient& g, std::int64_t at) {
  const __mmask16 mask = g.passed != nullptr ? g.passed[at / lanes] : __mmask16{0xFFFF};
  return _mm512_maskz_loadu_ps(mask, g.dy + at);
}

/// sums: of the gradient, and of the gradient times the distance from the mean.
TROUPE_AVX512 void gradient_sums(const Gradient& g, const float* mean, double* sums,
                                 double* products) {
  std::fill_n(sums, g.channels, 0.0);
  std::fill_n(products, g.channels, 0.0);
  for (std::int64_t before = 0; before < g.count;) {
    const std::int64_t rows = std::min(block_rows(g.channels), g.count - before);
    for (std::int64_t c = 0; c < g.channels; c += lanes) {
      const __m512 middle = _mm512_loadu_ps(mean + c);
      __m512 sum[chains] = {}, product[chains] = {};
      const std::int64_t first = before * g.channels + c;
      std::int64_t row = 0;
      for (; row + chains <= rows; row += chains)
#pragma GCC unroll 4
        for (std::int64_t k = 0; k < chains; ++k) {
          const std::int64_t at = first + (row + k) * g.channels;
          const __m512 dy = gradient_at(g, at);
          sum[k] = _mm512_add_ps(sum[k], dy);
          product[k] =
              _mm512_fmadd_ps(dy, _mm512_sub_ps(_mm512_loadu_ps(g.x + at), middle), product[k]);
        }
      for (; row < rows; ++row) {
        const std::int64_t at = first + row * g.channels;
        const __m512 dy = gradient_at(g, at);
        sum[0] = _mm512_add_ps(sum[0], dy);
        product[0] =
            _mm512_fmadd_ps(dy, _mm512_sub_ps(_mm512_loadu_ps(g.x + at), middle), product[0]);
      }
      alignas(64) float block_sum[lanes], block_product[lanes];
      _mm512_storeu_ps(block_sum, total(sum));
      _mm512_storeu_ps(block_product, total(product));
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        sums[c + lane] += static_cast<double>(block_sum[lane]);
        products[c + lane] += static_cast<double>(block_product[lane]);
      }
    }
    before += rows;
  }
}

/// dx = dy · factor - (offset + (x - mean) · slope)
TROUPE_AVX512 void gradient(const Gradient& g, const float* mean, const float* factor,
                            const float* offset, const float* slope, float* dx) {
  for (std::int64_t at = 0; at < g.count * g.channels;) {
    for (std::int64_t c = 0; c < g.channels; c += lanes, at += lanes) {
      const __m512 distance = _mm512_sub_ps(_mm512_loadu_ps(g.x + at), _mm512_loadu_ps(mean + c));
      const __m512 less =
          _mm512_fmadd_ps(distance, _mm512_loadu_ps(slope + c), _mm512_loadu_ps(offset + c));
      _mm512_storeu_ps(dx + at,
                       _mm512_fmsub_ps(gradient_at(g, at), _mm512_loadu_ps(factor + c), less));
    }
  }
}

double inverse_deviation(float variance, float epsilon) {
  return 1.0 / std::sqrt(static_cast<double>(variance) + static_cast<double>(epsilon));
}

class WideBatchNorm final : public Kernel {
 public:
  explicit WideBatchNorm(const BatchNorm& op)
      : op_{op}, mean_(size()), squares_(size()), factor_(size()) {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const scale = static_cast<const float*>(operands[1]);
    auto* const mean = static_cast<float*>(operands[4]);
    auto* const variance = static_cast<float*>(operands[5]);
    auto* const moments = static_cast<double*>(operands[7]);
    statistics(x, op_.count, op_.channels, mean_.data(), squares_.data());
    const auto count = static_cast<double>(op_.count);
    moments[0] = count;
    for (std::size_t c = 0; c < size(); ++c) {
      mean[c] = static_cast<float>(mean_[c]);
      variance[c] = static_cast<float>(squares_[c] / count);
      moments[1 + c] = count * mean_[c];
      moments[1 + size() + c] = squares_[c] + count * mean_[c] * mean_[c];
      factor_[c] = static_cast<float>(static_cast<double>(scale[c]) *
                                      inverse_deviation(variance[c], op_.epsilon));
    }
    apply(x, op_.count, op_.channels, mean, factor_.data(), static_cast<const float*>(operands[2]),
          op_.activation == Activation::relu, static_cast<float*>(operands[3]),
          static_cast<std::uint16_t*>(operands[6]));
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(op_.channels); }

  BatchNorm op_;
  std::vector<double> mean_, squares_;
  std::vector<float> factor_;
};

class WideBatchNormBackward final : public Kernel {
 public:
  explicit WideBatchNormBackward(const BatchNormBackward& op)
      : op_{op},
        sums_(size()),
        products_(size()),
        factor_(size()),
        offset_(size()),
        slope_(size()) {}

  void run(void* const* operands) override {
    const bool relu = op_.activation == Activation::relu;
    const Gradient g{.x = static_cast<const float*>(operands[0]),
                     .dy = static_cast<const float*>(operands[1]),
                     .passed = relu ? static_cast<const std::uint16_t*>(operands[5]) : nullptr,
                     .count = op_.count,
                     .channels = op_.channels};
    const auto* const scale = static_cast<const float*>(operands[2]);
    const auto* const mean = static_cast<const float*>(operands[3]);
    const auto* const variance = static_cast<const float*>(operands[4]);
    auto* const dscale = static_cast<float*>(operands[7]);
    auto* const dshift = static_cast<float*>(operands[8]);
    gradient_sums(g, mean, sums_.data(), products_.data());
    const auto count = static_cast<double>(op_.count);
    for (std::size_t c = 0; c < size(); ++c) {
      const double inverse = inverse_deviation(variance[c], op_.epsilon);
      const double factor = static_cast<double>(scale[c]) * inverse;
      dscale[c] = static_cast<float>(products_[c] * inverse);
      dshift[c] = static_cast<float>(sums_[c]);
      factor_[c] = static_cast<float>(factor);
      offset_[c] = static_cast<float>(factor * sums_[c] / count);
      slope_[c] = static_cast<float>(factor * inverse * inverse * products_[c] / count);
    }
    gradient(g, mean, factor_.data(), offset_.data(), slope_.data(),
             static_cast<float*>(operands[6]));
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(op_.channels); }

  BatchNormBackward op_;
  std::vector<double> sums_, products_;
  std::vector<float> factor_, offset_, slope_;
};

}  // namespace

std::unique_ptr<Kernel> make_wide_kernel(const Recipe& recipe, const BatchNorm& op) {
  if (!applies(op.channels, recipe.threads)) return nullptr;
  return std::make_unique<WideBatchNorm>(op);
}

std::unique_ptr<Kernel> make_wide_kernel(const Recipe& recipe, const BatchNormBackward& op) {
  if (!applies(op.channels, recipe.threads)) return nullptr;
  return std::make_unique<WideBatchNormBackward>(op);
}

std::size_t wide_workspace_bytes(const BatchNorm& op) {
  if (!applies(op.channels, 1) || op.activation != Activation::relu) return 0;
  return static_cast<std::size_t>(op.count * op.channels / 8);
}

}  // namespace troupe::gpu::onednn

#else

namespace troupe::gpu::onednn {

std::unique_ptr<Kernel> make_wide_kernel(const Recipe&, const BatchNorm&) {
  return nullptr;
}

std::unique_ptr<Kernel> make_wide_kernel(const Recipe&, const BatchNormBackward&) {
  return nullptr;
}

std::size_t wide_workspace_bytes(const BatchNorm&) {
  return 0;
}

}  // namespace troupe::gpu::onednn

#endif
