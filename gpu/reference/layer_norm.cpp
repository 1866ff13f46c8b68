#include "gpu/reference/layer_norm.hpp"

#include "gpu/reference/checks.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/layer_norm_kernels.hpp"

namespace troupe::gpu::reference {
namespace {

class LayerNormKernel final : public Kernel {
 public:
  LayerNormKernel(const LayerNorm& norm, Isa isa)
      : norm_{norm}, kernels_{TROUPE_OF_ISA(isa, layer_norm_table)} {}

  void run(void* const* operands) override {
    kernels_.forward(static_cast<const float*>(operands[0]), static_cast<const float*>(operands[1]),
                     static_cast<const float*>(operands[2]), norm_.epsilon, norm_.rows, norm_.width,
                     static_cast<float*>(operands[3]), static_cast<float*>(operands[4]),
                     static_cast<float*>(operands[5]));
  }

 private:
  LayerNorm norm_;
  const LayerNormTable& kernels_;
};

class LayerNormBackwardKernel final : public Kernel {
 public:
  LayerNormBackwardKernel(const LayerNormBackward& norm, Isa isa)
      : norm_{norm}, kernels_{TROUPE_OF_ISA(isa, layer_norm_table)} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const dy = static_cast<const float*>(operands[1]);
    const auto* const mean = static_cast<const float*>(operands[3]);
    const auto* const inverse = static_cast<const float*>(operands[4]);
    kernels_.backward_data(x, dy, static_cast<const float*>(operands[2]), mean, inverse, norm_.rows,
                           norm_.width, static_cast<float*>(operands[5]));
    kernels_.backward_parameters(x, dy, mean, inverse, norm_.rows, norm_.width,
                                 static_cast<float*>(operands[6]),
                                 static_cast<float*>(operands[7]));
  }

 private:
  LayerNormBackward norm_;
  const LayerNormTable& kernels_;
};

}  // namespace

std::unique_ptr<Kernel> make_kernel(const LayerNorm& operation, Isa isa) {
  check_sizes(operation, {operation.rows, operation.width});
  return std::make_unique<LayerNormKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const LayerNormBackward& operation, Isa isa) {
  check_sizes(operation, {operation.rows, operation.width});
  return std::make_unique<LayerNormBackwardKernel>(operation, isa);
}

}  // namespace troupe::gpu::reference
