#include "gpu/reference/depthwise.hpp"

#include <cstdint>

#include "gpu/reference/convolution_kernels.hpp"
#include "gpu/reference/fused_activation.hpp"
#include "gpu/reference/gemm.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/scratch.hpp"
#include "gpu/reference/window_of.hpp"

namespace troupe::gpu::reference {
namespace {

/// from [rows, columns] -> to [columns, rows]
void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      to[column * rows + row] = from[row * columns + column];
    }
  }
}

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const Convolution& c, Isa isa)
      : convolution_{c},
        window_{window_of(c.geometry)},
        kernels_{TROUPE_OF_ISA(isa, convolution_table)},
        weight_{window_.taps() * window_.in_channels},
        activation_{c.activation, window_.positions() * window_.in_channels} {}

  void run(void* const* operands) override {
    const auto* const bias = convolution_.bias ? static_cast<const float*>(operands[2]) : nullptr;
    auto* const y = static_cast<float*>(operands[convolution_.bias ? 3 : 2]);
    transpose(static_cast<const float*>(operands[1]), window_.in_channels, window_.taps(),
              weight_.data());
    kernels_.depthwise(window_, static_cast<const float*>(operands[0]), weight_.data(), bias,
                       convolution_.activation == Activation::relu, y);
    activation_.run(y);
  }

 private:
  Convolution convolution_;
  Window window_;
  const ConvolutionTable& kernels_;
  Scratch weight_;
  FusedActivation activation_;
};

class DepthwiseBackwardDataKernel final : public Kernel {
 public:
  DepthwiseBackwardDataKernel(const ConvolutionGeometry& geometry, Isa isa)
      : window_{window_of(geometry)},
        kernels_{TROUPE_OF_ISA(isa, convolution_table)},
        weight_{window_.taps() * window_.in_channels} {}

  void run(void* const* operands) override {
    transpose(static_cast<const float*>(operands[1]), window_.in_channels, window_.taps(),
              weight_.data());
    kernels_.depthwise_data(window_, static_cast<const float*>(operands[0]), weight_.data(),
                            static_cast<float*>(operands[2]));
  }

 private:
  Window window_;
  const ConvolutionTable& kernels_;
  Scratch weight_;
};

class DepthwiseBackwardWeightsKernel final : public Kernel {
 public:
  DepthwiseBackwardWeightsKernel(const ConvolutionBackwardWeights& c, Isa isa)
      : bias_{c.bias},
        window_{window_of(c.geometry)},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        kernels_{TROUPE_OF_ISA(isa, convolution_table)},
        run_{window_.taps() * window_.in_channels},
        dweight_{window_.taps() * window_.in_channels} {}

  void run(void* const* operands) override {
    const auto* const dy = static_cast<const float*>(operands[1]);
    kernels_.depthwise_weights(window_, static_cast<const float*>(operands[0]), dy, run_.data(),
                               dweight_.data());
    transpose(dweight_.data(), window_.taps(), window_.in_channels,
              static_cast<float*>(operands[2]));
    if (bias_) {
      gemm_.column_sums(dy, window_.positions(), window_.in_channels,
                        static_cast<float*>(operands[3]));
    }
  }

 private:
  bool bias_;
  Window window_;
  const GemmTable& gemm_;
  const ConvolutionTable& kernels_;
  Scratch run_, dweight_;  // [taps, channels]
};

}  // namespace

std::unique_ptr<Kernel> make_depthwise(const Convolution& operation, Isa isa) {
  return std::make_unique<DepthwiseKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_depthwise(const ConvolutionBackwardData& operation, Isa isa) {
  return std::make_unique<DepthwiseBackwardDataKernel>(operation.geometry, isa);
}

std::unique_ptr<Kernel> make_depthwise(const ConvolutionBackwardWeights& operation, Isa isa) {
  return std::make_unique<DepthwiseBackwardWeightsKernel>(operation, isa);
}

}  // namespace troupe::gpu::reference
