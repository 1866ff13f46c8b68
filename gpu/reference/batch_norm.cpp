#include "gpu/reference/batch_norm.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gpu/reference/batch_norm_kernels.hpp"
#include "gpu/reference/checks.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/scratch.hpp"

namespace troupe::gpu::reference {
namespace {

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const BatchNorm& norm, Isa isa)
      : norm_{norm},
        kernels_{TROUPE_OF_ISA(isa, batch_norm_table)},
        mean_(static_cast<std::size_t>(norm.channels)),
        variance_(static_cast<std::size_t>(norm.channels)),
        factor_{norm.channels} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const scale = static_cast<const float*>(operands[1]);
    const auto* const shift = static_cast<const float*>(operands[2]);
    auto* const mean = static_cast<float*>(operands[4]);
    auto* const variance = static_cast<float*>(operands[5]);
    const bool relu = norm_.activation == Activation::relu;

    kernels_.moments(x, norm_.count, norm_.channels, mean_.data(), variance_.data());
    store_moments(mean, variance, static_cast<double*>(operands[7]));
    kernels_.factors(scale, variance, norm_.epsilon, norm_.channels, factor_.data());
    kernels_.apply(x, mean, factor_.data(), shift, norm_.count, norm_.channels, relu,
                   static_cast<float*>(operands[3]),
                   relu ? static_cast<std::uint8_t*>(operands[6]) : nullptr);
  }

 private:
  void store_moments(float* mean, float* variance, double* moments) const {
    const auto n = static_cast<double>(norm_.count);
    moments[0] = n;
    for (std::size_t c = 0; c < mean_.size(); ++c) {
      mean[c] = static_cast<float>(mean_[c]);
      variance[c] = static_cast<float>(variance_[c]);
      moments[1 + c] = n * mean_[c];
      moments[1 + mean_.size() + c] = n * (variance_[c] + mean_[c] * mean_[c]);
    }
  }

  BatchNorm norm_;
  const BatchNormTable& kernels_;
  std::vector<double> mean_, variance_;
  Scratch factor_;
};

class BatchNormBackwardKernel final : public Kernel {
 public:
  BatchNormBackwardKernel(const BatchNormBackward& norm, Isa isa)
      : norm_{norm},
        kernels_{TROUPE_OF_ISA(isa, batch_norm_table)},
        sum_(static_cast<std::size_t>(norm.channels)),
        product_(static_cast<std::size_t>(norm.channels)),
        factor_{norm.channels},
        mean_dy_{norm.channels},
        slope_{norm.channels} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    const auto* const dy = static_cast<const float*>(operands[1]);
    const auto* const scale = static_cast<const float*>(operands[2]);
    const auto* const mean = static_cast<const float*>(operands[3]);
    const auto* const variance = static_cast<const float*>(operands[4]);
    const auto* const passes = norm_.activation == Activation::relu
                                   ? static_cast<const std::uint8_t*>(operands[5])
                                   : nullptr;

    kernels_.gradient_sums(x, dy, passes, mean, norm_.count, norm_.channels, sum_.data(),
                           product_.data());
    store_gradients(variance, static_cast<float*>(operands[7]), static_cast<float*>(operands[8]));
    kernels_.factors(scale, variance, norm_.epsilon, norm_.channels, factor_.data());
    kernels_.gradient(x, dy, passes, mean, factor_.data(), mean_dy_.data(), slope_.data(),
                      norm_.count, norm_.channels, static_cast<float*>(operands[6]));
  }

 private:
  void store_gradients(const float* variance, float* dscale, float* dshift) {
    const auto n = static_cast<double>(norm_.count);
    for (std::size_t c = 0; c < sum_.size(); ++c) {
      const double squared_deviation =
          static_cast<double>(variance[c]) + static_cast<double>(norm_.epsilon);
      dscale[c] = static_cast<float>(product_[c] / std::sqrt(squared_deviation));
      dshift[c] = static_cast<float>(sum_[c]);
      mean_dy_.data()[c] = static_cast<float>(sum_[c] / n);
      slope_.data()[c] = static_cast<float>(product_[c] / (squared_deviation * n));
    }
  }

  BatchNormBackward norm_;
  const BatchNormTable& kernels_;
  std::vector<double> sum_, product_;
  Scratch factor_, mean_dy_, slope_;
};

class BatchNormInferenceKernel final : public Kernel {
 public:
  BatchNormInferenceKernel(const BatchNormInference& norm, Isa isa)
      : norm_{norm}, kernels_{TROUPE_OF_ISA(isa, batch_norm_table)}, factor_{norm.channels} {}

  void run(void* const* operands) override {
    const auto* const mean = static_cast<const float*>(operands[3]);
    const auto* const variance = static_cast<const float*>(operands[4]);
    kernels_.factors(static_cast<const float*>(operands[1]), variance, norm_.epsilon,
                     norm_.channels, factor_.data());
    kernels_.apply(static_cast<const float*>(operands[0]), mean, factor_.data(),
                   static_cast<const float*>(operands[2]), norm_.count, norm_.channels,
                   norm_.activation == Activation::relu, static_cast<float*>(operands[5]), nullptr);
  }

 private:
  BatchNormInference norm_;
  const BatchNormTable& kernels_;
  Scratch factor_;
};

template <class Norm>
void check(const Norm& norm) {
  check_sizes(norm, {norm.count, norm.channels});
  check_none_or_relu(norm, norm.activation);
}

template <class Norm>
std::size_t mask_bytes(const Norm& norm) {
  return norm.activation == Activation::relu ? static_cast<std::size_t>(norm.count * norm.channels)
                                             : 0;
}

}  // namespace

std::unique_ptr<Kernel> make_kernel(const BatchNorm& operation, Isa isa) {
  check(operation);
  return std::make_unique<BatchNormKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const BatchNormBackward& operation, Isa isa) {
  check(operation);
  return std::make_unique<BatchNormBackwardKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const BatchNormInference& operation, Isa isa) {
  check(operation);
  return std::make_unique<BatchNormInferenceKernel>(operation, isa);
}

std::size_t workspace_bytes(const BatchNorm& operation) {
  return mask_bytes(operation);
}

std::size_t workspace_bytes(const BatchNormBackward& operation) {
  return mask_bytes(operation);
}

}  // namespace troupe::gpu::reference
