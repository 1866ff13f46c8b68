#include "gpu/reference/dense.hpp"

#include "gpu/reference/checks.hpp"
#include "gpu/reference/fused_activation.hpp"
#include "gpu/reference/gemm.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/scratch.hpp"

namespace troupe::gpu::reference {
namespace {

class DenseKernel final : public Kernel {
 public:
  DenseKernel(const Dense& d, Isa isa)
      : dense_{d},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        scratch_{gemm_scratch(d.rows, d.out, d.in)},
        activation_{d.activation, d.rows * d.out} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const weight = static_cast<const float*>(operands[1]);
    const auto* const bias = dense_.bias ? static_cast<const float*>(operands[2]) : nullptr;
    auto* const y = static_cast<float*>(operands[dense_.bias ? 3 : 2]);
    gemm_.multiply({.m = dense_.rows,
                    .n = dense_.out,
                    .k = dense_.in,
                    .a = {.data = x, .stride = dense_.in},
                    .b = {.data = weight, .stride = dense_.in},
                    .c = y,
                    .c_stride = dense_.out,
                    .bias = bias,
                    .relu = dense_.activation == Activation::relu},
                   scratch_.data());
    activation_.run(y);
  }

 private:
  Dense dense_;
  const GemmTable& gemm_;
  Scratch scratch_;
  FusedActivation activation_;
};

class DenseBackwardDataKernel final : public Kernel {
 public:
  DenseBackwardDataKernel(const DenseBackwardData& d, Isa isa)
      : dense_{d},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        scratch_{gemm_scratch(d.rows, d.in, d.out)} {}

  void run(void* const* operands) override {
    const auto* const dy = static_cast<const float*>(operands[0]);
    const auto* const weight = static_cast<const float*>(operands[1]);
    gemm_.multiply({.m = dense_.rows,
                    .n = dense_.in,
                    .k = dense_.out,
                    .a = {.data = dy, .stride = dense_.out},
                    .b = {.data = weight, .stride = dense_.in, .along_k = false},
                    .c = static_cast<float*>(operands[2]),
                    .c_stride = dense_.in},
                   scratch_.data());
  }

 private:
  DenseBackwardData dense_;
  const GemmTable& gemm_;
  Scratch scratch_;
};

class DenseBackwardWeightsKernel final : public Kernel {
 public:
  DenseBackwardWeightsKernel(const DenseBackwardWeights& d, Isa isa)
      : dense_{d},
        gemm_{TROUPE_OF_ISA(isa, gemm_table)},
        scratch_{gemm_scratch(d.out, d.in, d.rows)} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const dy = static_cast<const float*>(operands[1]);
    gemm_.multiply({.m = dense_.out,
                    .n = dense_.in,
                    .k = dense_.rows,
                    .a = {.data = dy, .stride = dense_.out, .along_k = false},
                    .b = {.data = x, .stride = dense_.in, .along_k = false},
                    .c = static_cast<float*>(operands[2]),
                    .c_stride = dense_.in},
                   scratch_.data());
    if (dense_.bias) {
      gemm_.column_sums(dy, dense_.rows, dense_.out, static_cast<float*>(operands[3]));
    }
  }

 private:
  DenseBackwardWeights dense_;
  const GemmTable& gemm_;
  Scratch scratch_;
};

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Dense& operation, Isa isa) {
  check_sizes(operation, {operation.rows, operation.in, operation.out});
  return std::make_unique<DenseKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const DenseBackwardData& operation, Isa isa) {
  check_sizes(operation, {operation.rows, operation.in, operation.out});
  return std::make_unique<DenseBackwardDataKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const DenseBackwardWeights& operation, Isa isa) {
  check_sizes(operation, {operation.rows, operation.in, operation.out});
  return std::make_unique<DenseBackwardWeightsKernel>(operation, isa);
}

}  // namespace troupe::gpu::reference
