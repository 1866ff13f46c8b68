#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/layers/weighted.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// [in] -> [units], or [..., in] -> [..., units]: every vector along the last axis alone.
class DenseLayer final : public Layer {
 public:
  explicit DenseLayer(AttributeReader& attributes)
      : units_{attributes.integer("units", std::nullopt, 1)},
        bias_{attributes.flag("bias", true)},
        weight_init_{read_initialiser(attributes, "weight_init", Initialiser::Kind::he_normal)},
        bias_init_{read_initialiser(attributes, "bias_init", Initialiser::Kind::constant)} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    const Shape& in = inputs[0].shape;
    if (in.rank() < 1) {
      problems.add(name, "expected an input of rank 1 or more, got " + to_string(in));
      return {};
    }
    std::vector<std::int64_t> dims{in.dims().begin(), in.dims().end()};
    const std::int64_t width = dims.back();
    dims.back() = units_;
    Signature signature{{Shape{dims}, DType::f32}, {}, {}};
    Initialiser weight = weight_init_;
    weight.fan_in = width;
    weight.fan_out = units_;
    signature.parameters.push_back({"weight", Shape{units_, width}, weight, true});
    if (bias_) signature.parameters.push_back({"bias", Shape{units_}, bias_init_, false});
    return signature;
  }

  void forward(Lowering& to) const override {
    const auto [rows, in] = extent(to);
    emit_weighted(to, Dense{rows, in, units_, bias_, to.activation(), to.type()});
  }

  void backward(Lowering& to) const override {
    const auto [rows, in] = extent(to);
    const BufferId dy = to.preactivation_gradient();
    emit_weights_gradient(to, DenseBackwardWeights{rows, in, units_, bias_, to.type()}, dy,
                          units_ * in);
    if (to.wants_input_gradient(0)) {
      to.emit(DenseBackwardData{rows, in, units_, to.type()},
              {dy, to.weight("weight"), to.input_gradient(0)});
    }
  }

  bool fuses(Activation) const override { return true; }

 private:
  static std::pair<std::int64_t, std::int64_t> extent(const Lowering& to) {
    const Shape& in = to.input_spec(0).shape;
    const std::int64_t width = in[in.rank() - 1];
    return {to.rows() * (in.elements() / width), width};
  }

  std::int64_t units_;
  bool bias_;
  Initialiser weight_init_, bias_init_;
};

}  // namespace

std::unique_ptr<Layer> make_dense(AttributeReader& attributes) {
  return std::make_unique<DenseLayer>(attributes);
}

}  // namespace troupe::gpu::nn::layers
