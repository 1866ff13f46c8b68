#include "tests/support/narrow_library.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"

namespace troupe::test {
namespace {

using namespace gpu;

/// An operand in bf16.
struct Narrow {
  std::size_t index;
  std::int64_t elements;
};

std::int64_t input_elements(const ConvolutionGeometry& g) {
  return g.rows * g.in_height * g.in_width * g.in_channels;
}
std::int64_t output_elements(const ConvolutionGeometry& g) {
  return g.rows * g.out_height * g.out_width * g.out_channels;
}
std::int64_t weight_elements(const ConvolutionGeometry& g) {
  return g.out_channels * g.kernel_height * g.kernel_width * (g.in_channels / g.groups);
}

/// The operands that gpu/operation.hpp has in the operation's type.
struct NarrowOperands {
  using List = std::vector<Narrow>;

  List operator()(const Dense& op) const {
    return {{0, op.rows * op.in}, {1, op.out * op.in}, {2U + op.bias, op.rows * op.out}};
  }
  List operator()(const DenseBackwardData& op) const {
    return {{0, op.rows * op.out}, {1, op.out * op.in}, {2, op.rows * op.in}};
  }
  List operator()(const DenseBackwardWeights& op) const {
    return {{0, op.rows * op.in}, {1, op.rows * op.out}, {2, op.out * op.in}};
  }
  List operator()(const Convolution& op) const {
    const ConvolutionGeometry& g = op.geometry;
    return {{0, input_elements(g)}, {1, weight_elements(g)}, {2U + op.bias, output_elements(g)}};
  }
  List operator()(const ConvolutionBackwardData& op) const {
    const ConvolutionGeometry& g = op.geometry;
    return {{0, output_elements(g)}, {1, weight_elements(g)}, {2, input_elements(g)}};
  }
  List operator()(const ConvolutionBackwardWeights& op) const {
    const ConvolutionGeometry& g = op.geometry;
    return {{0, input_elements(g)}, {1, output_elements(g)}, {2, weight_elements(g)}};
  }
  List operator()(const Pool& op) const {
    return {{0, input_elements(op.geometry)}, {1, output_elements(op.geometry)}};
  }
  List operator()(const PoolBackward& op) const {
    return {{0, output_elements(op.geometry)},
            {1U + (op.kind == PoolKind::max), input_elements(op.geometry)}};
  }
  List operator()(const BatchNorm& op) const {
    return {{0, op.count * op.channels}, {3, op.count * op.channels}};
  }
  List operator()(const BatchNormBackward& op) const {
    return {{0, op.count * op.channels}, {1, op.count * op.channels}, {6, op.count * op.channels}};
  }
  List operator()(const BatchNormInference& op) const {
    return {{0, op.count * op.channels}, {5, op.count * op.channels}};
  }
  List operator()(const LayerNorm& op) const {
    return {{0, op.rows * op.width}, {3, op.rows * op.width}};
  }
  List operator()(const LayerNormBackward& op) const {
    return {{0, op.rows * op.width}, {1, op.rows * op.width}, {5, op.rows * op.width}};
  }
  List operator()(const Activate& op) const { return {{0, op.elements}, {1, op.elements}}; }
  List operator()(const ActivateBackward& op) const {
    return {{0, op.elements}, {1, op.elements}, {2, op.elements}};
  }
  List operator()(const Softmax& op) const {
    return {{0, op.rows * op.width}, {1, op.rows * op.width}};
  }
  List operator()(const SoftmaxBackward& op) const {
    return {{0, op.rows * op.width}, {1, op.rows * op.width}, {2, op.rows * op.width}};
  }
  List operator()(const Dropout& op) const {
    return {{0, op.rows * op.width}, {2, op.rows * op.width}};
  }
  List operator()(const Add& op) const {
    List list;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(op.inputs); ++i) {
      list.push_back({i, op.elements});
    }
    return list;
  }
  List operator()(const CastScale& op) const {
    return {{1, op.elements}};
  }  // it reads bf16 by itself
  List operator()(const SoftmaxCrossEntropy& op) const {
    return loss(op.rows * op.classes, op.gradient);
  }
  List operator()(const BinaryCrossEntropy& op) const {
    return loss(op.rows * op.width, op.gradient);
  }
  List operator()(const MeanSquaredError& op) const {
    return loss(op.rows * op.width, op.gradient);
  }
  List operator()(const StridedCopy&) const { return {}; }
  List operator()(const Zero&) const { return {}; }
  List operator()(const Signal&) const { return {}; }

  static List loss(std::int64_t elements, bool gradient) {
    List list{{0, elements}};
    if (gradient) list.push_back({3, elements});
    return list;
  }
};

Operation widened(Operation operation) {
  std::visit(
      [](auto& op) {
        if constexpr (requires { op.type; }) op.type = DType::f32;
        if constexpr (requires { op.to; }) op.to = DType::f32;
      },
      operation);
  return operation;
}

class NarrowKernel final : public Kernel {
 public:
  NarrowKernel(std::unique_ptr<Kernel> wide, const Operation& operation)
      : wide_{std::move(wide)},
        narrow_{std::visit(NarrowOperands{}, operation)},
        operands_(operand_count(operation)) {
    for (const Narrow& operand : narrow_) {
      values_.push_back(Tensor::zeros(DType::f32, {operand.elements}));
    }
  }

  void run(void* const* operands) override {
    operands_.assign(operands, operands + operands_.size());
    for (std::size_t i = 0; i < narrow_.size(); ++i) {
      const auto* const from = static_cast<const std::uint16_t*>(operands[narrow_[i].index]);
      const std::span<float> to = values_[i].values<float>();
      for (std::size_t at = 0; at < to.size(); ++at) to[at] = from_bf16(from[at]);
      operands_[narrow_[i].index] = to.data();
    }
    wide_->run(operands_.data());
    // What a kernel only reads comes back as it was.
    for (std::size_t i = 0; i < narrow_.size(); ++i) {
      auto* const to = static_cast<std::uint16_t*>(operands[narrow_[i].index]);
      const std::span<const float> from = values_[i].values<float>();
      for (std::size_t at = 0; at < from.size(); ++at) to[at] = to_bf16(from[at]);
    }
  }

 private:
  std::unique_ptr<Kernel> wide_;
  std::vector<Narrow> narrow_;
  std::vector<Tensor> values_;  ///< widened, as `narrow_`
  std::vector<void*> operands_;
};

class NarrowLibrary final : public KernelLibrary {
 public:
  explicit NarrowLibrary(std::shared_ptr<KernelLibrary> wide) : wide_{std::move(wide)} {}

  std::unique_ptr<Kernel> make(const Operation& operation, const KernelOptions& options) override {
    if (element_type(operation) == DType::f32) return nullptr;
    std::unique_ptr<Kernel> kernel = wide_->make(widened(operation), options);
    if (kernel == nullptr) return nullptr;
    return std::make_unique<NarrowKernel>(std::move(kernel), operation);
  }
  std::size_t workspace_bytes(const Operation& operation) override {
    return wide_->workspace_bytes(widened(operation));
  }
  std::vector<std::pair<std::string, std::string>> machine_record() const override { return {}; }

 private:
  std::shared_ptr<KernelLibrary> wide_;
};

}  // namespace

std::shared_ptr<KernelLibrary> make_narrow_library(std::shared_ptr<KernelLibrary> wide) {
  return std::make_shared<NarrowLibrary>(std::move(wide));
}

}  // namespace troupe::test
