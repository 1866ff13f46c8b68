#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// A loss takes (prediction, target), writes the shard's loss and count of rows, and in training the
/// prediction's gradient, all in forward, and unnormalised (JOB-4).
class Loss : public Layer {
 public:
  void backward(Lowering&) const override {}
  bool is_loss() const override { return true; }
  bool differentiates(std::size_t i) const override { return i == 0; }

 protected:
  /// Emits `operation`, whose `gradient` says whether there is one.
  template <class Op>
  static void emit(Lowering& to, const Op& operation) {
    if (operation.gradient) {
      to.emit(operation, {to.input(0), to.input(1), to.step_state(), to.input_gradient(0),
                          to.loss(), to.counted_rows()});
    } else {
      to.emit(operation, {to.input(0), to.input(1), to.step_state(), to.loss(), to.counted_rows()});
    }
  }
  static bool wants_gradient(const Lowering& to) {
    return to.training() && to.wants_input_gradient(0);
  }
};

/// Logits [classes] and a label i32 []. (Label smoothing: Szegedy et al., CVPR 2016, section 7.)
class SoftmaxCrossEntropyLoss final : public Loss {
 public:
  explicit SoftmaxCrossEntropyLoss(AttributeReader& attributes)
      : smoothing_{static_cast<float>(attributes.number("smoothing", 0.0, 0.0, 0.999))},
        ignore_index_{static_cast<std::int32_t>(attributes.integer(
            "ignore_index", -1, std::int64_t{INT32_MIN}, std::int64_t{INT32_MAX}))} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    const bool fits =
        inputs.size() == 2 && inputs[0].dtype == DType::f32 && inputs[1].dtype == DType::i32 &&
        inputs[0].shape.rank() >= 1 &&
        inputs[1].shape.elements() * last_axis(inputs[0].shape) == inputs[0].shape.elements();
    if (!fits) {
      std::string got;
      for (const ValueSpec& input : inputs) got += (got.empty() ? "" : " and ") + to_string(input);
      problems.add(name, "expected logits f32[..., classes] and labels i32[...], got " +
                             (got.empty() ? "nothing" : got));
    }
    return {};
  }
  void forward(Lowering& to) const override {
    const std::int64_t classes = last_axis(to.input_spec(0).shape);
    const std::int64_t rows = to.rows() * (to.input_spec(0).shape.elements() / classes);
    emit(to, SoftmaxCrossEntropy{rows, classes, smoothing_, ignore_index_, wants_gradient(to),
                                 rows / to.rows(), to.type()});
  }

 private:
  static std::int64_t last_axis(const Shape& shape) { return shape[shape.rank() - 1]; }
  float smoothing_;
  std::int32_t ignore_index_;
};

/// Prediction and target of one shape, f32.
template <class Op>
class ElementwiseLoss final : public Loss {
 public:
  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (expect_inputs(name, inputs, 2, problems) && !(inputs[0].shape == inputs[1].shape)) {
      problems.add(name, "expected prediction and target of one shape, got " +
                             to_string(inputs[0].shape) + " and " + to_string(inputs[1].shape));
    }
    return {};
  }
  void forward(Lowering& to) const override {
    emit(to, Op{to.rows(), to.input_spec(0).shape.elements(), wants_gradient(to), to.type()});
  }
};

}  // namespace

std::unique_ptr<Layer> make_softmax_cross_entropy(AttributeReader& attributes) {
  return std::make_unique<SoftmaxCrossEntropyLoss>(attributes);
}
std::unique_ptr<Layer> make_binary_cross_entropy(AttributeReader&) {
  return std::make_unique<ElementwiseLoss<BinaryCrossEntropy>>();
}
std::unique_ptr<Layer> make_mean_squared_error(AttributeReader&) {
  return std::make_unique<ElementwiseLoss<MeanSquaredError>>();
}

}  // namespace troupe::gpu::nn::layers
