#include "gpu/reference/convolution.hpp"

#include <algorithm>
#include <cstdint>

#include "gpu/reference/checks.hpp"
#include "gpu/reference/convolution_kernels.hpp"
#include "gpu/reference/depthwise.hpp"
#include "gpu/reference/fused_activation.hpp"
#include "gpu/reference/gemm.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/scratch.hpp"
#include "gpu/reference/window_of.hpp"

namespace troupe::gpu::reference {
namespace {

/// One group's share of a convolution.
struct Group {
  explicit Group(const ConvolutionGeometry& g)
      : window{window_of(g)},
        positions{window.positions()},
        out_channels{g.out_channels / g.groups},
        patch{window.taps() * window.channels} {}

  void select(std::int64_t index) { window.first_channel = index * window.channels; }

  Window window;
  std::int64_t positions, out_channels, patch;
};

class ConvolutionKernel final : public Kernel {
 public:
  ConvolutionKernel(const Convolution& c, Isa isa)
      : convolution_{c},
        group_{c.geometry},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        scratch_{gemm_scratch(group_.positions, group_.out_channels, group_.patch)},
        activation_{c.activation, group_.positions * c.geometry.out_channels} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const weight = static_cast<const float*>(operands[1]);
    const auto* const bias = convolution_.bias ? static_cast<const float*>(operands[2]) : nullptr;
    auto* const y = static_cast<float*>(operands[convolution_.bias ? 3 : 2]);
    for (std::int64_t g = 0; g < convolution_.geometry.groups; ++g) {
      group_.select(g);
      const std::int64_t channel = g * group_.out_channels;
      gemm_.multiply({.m = group_.positions,
                      .n = group_.out_channels,
                      .k = group_.patch,
                      .a = {.data = x, .patches = &group_.window},
                      .b = {.data = weight + channel * group_.patch, .stride = group_.patch},
                      .c = y + channel,
                      .c_stride = convolution_.geometry.out_channels,
                      .bias = bias == nullptr ? nullptr : bias + channel,
                      .relu = convolution_.activation == Activation::relu},
                     scratch_.data());
    }
    activation_.run(y);
  }

 private:
  Convolution convolution_;
  Group group_;
  const GemmTable& gemm_;
  Scratch scratch_;
  FusedActivation activation_;
};

class ConvolutionBackwardDataKernel final : public Kernel {
 public:
  ConvolutionBackwardDataKernel(const ConvolutionGeometry& geometry, Isa isa)
      : geometry_{geometry},
        group_{geometry},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        kernels_{TROUPE_OF_ISA(isa, convolution_table)},
        block_{std::min(group_.positions,
                        std::clamp(patches_floats / group_.patch, least_block, most_block))},
        scratch_{gemm_scratch(block_, group_.patch, group_.out_channels)},
        patches_{block_ * group_.patch} {}

  void run(void* const* operands) override {
    const auto* const dy = static_cast<const float*>(operands[0]);
    const auto* const weight = static_cast<const float*>(operands[1]);
    auto* const dx = static_cast<float*>(operands[2]);
    std::fill_n(dx, group_.window.pixels() * geometry_.in_channels, 0.0F);
    for (std::int64_t g = 0; g < geometry_.groups; ++g) {
      group_.select(g);
      const std::int64_t channel = g * group_.out_channels;
      for (std::int64_t first = 0; first < group_.positions; first += block_) {
        const std::int64_t count = std::min(block_, group_.positions - first);
        gemm_.multiply({.m = count,
                        .n = group_.patch,
                        .k = group_.out_channels,
                        .a = {.data = dy + first * geometry_.out_channels + channel,
                              .stride = geometry_.out_channels},
                        .b = {.data = weight + channel * group_.patch,
                              .stride = group_.patch,
                              .along_k = false},
                        .c = patches_.data(),
                        .c_stride = group_.patch},
                       scratch_.data());
        kernels_.add_patches(group_.window, first, count, patches_.data(), dx);
      }
    }
  }

 private:
  // A block's patches take about 1 MiB, unless that were too few positions to make use of a packed weight.
  static constexpr std::int64_t patches_floats = 1 << 18, least_block = 64, most_block = 1024;

  ConvolutionGeometry geometry_;
  Group group_;
  const GemmTable& gemm_;
  const ConvolutionTable& kernels_;
  std::int64_t block_;  ///< positions at a time
  Scratch scratch_, patches_;
};

class ConvolutionBackwardWeightsKernel final : public Kernel {
 public:
  ConvolutionBackwardWeightsKernel(const ConvolutionBackwardWeights& c, Isa isa)
      : convolution_{c},
        group_{c.geometry},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        scratch_{gemm_scratch(group_.out_channels, group_.patch, group_.positions)} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const dy = static_cast<const float*>(operands[1]);
    auto* const dweight = static_cast<float*>(operands[2]);
    const std::int64_t out_channels = convolution_.geometry.out_channels;
    for (std::int64_t g = 0; g < convolution_.geometry.groups; ++g) {
      group_.select(g);
      const std::int64_t channel = g * group_.out_channels;
      gemm_.multiply({.m = group_.out_channels,
                      .n = group_.patch,
                      .k = group_.positions,
                      .a = {.data = dy + channel, .stride = out_channels, .along_k = false},
                      .b = {.data = x, .patches = &group_.window, .along_k = false},
                      .c = dweight + channel * group_.patch,
                      .c_stride = group_.patch},
                     scratch_.data());
    }
    if (convolution_.bias) {
      gemm_.column_sums(dy, group_.positions, out_channels, static_cast<float*>(operands[3]));
    }
  }

 private:
  ConvolutionBackwardWeights convolution_;
  Group group_;
  const GemmTable& gemm_;
  Scratch scratch_;
};

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Convolution& operation, Isa isa) {
  check_geometry(operation, operation.geometry);
  if (is_depthwise(operation.geometry)) return make_depthwise(operation, isa);
  return std::make_unique<ConvolutionKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const ConvolutionBackwardData& operation, Isa isa) {
  check_geometry(operation, operation.geometry);
  if (is_depthwise(operation.geometry)) return make_depthwise(operation, isa);
  return std::make_unique<ConvolutionBackwardDataKernel>(operation.geometry, isa);
}

std::unique_ptr<Kernel> make_kernel(const ConvolutionBackwardWeights& operation, Isa isa) {
  check_geometry(operation, operation.geometry);
  if (is_depthwise(operation.geometry)) return make_depthwise(operation, isa);
  return std::make_unique<ConvolutionBackwardWeightsKernel>(operation, isa);
}

}  // namespace troupe::gpu::reference
