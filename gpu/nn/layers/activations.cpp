#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// Elementwise. A layer before it that can, applies it instead (Layer::fuses); then this one is never lowered.
class ActivationLayer final : public Layer {
 public:
  explicit ActivationLayer(Activation activation) : activation_{activation} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    return {inputs[0], {}, {}};
  }
  void forward(Lowering& to) const override {
    to.emit(Activate{activation_, elements(to), to.type()}, {to.input(0), to.output()});
  }
  void backward(Lowering& to) const override {
    if (!to.wants_input_gradient(0)) return;
    const BufferId saved = differentiable_from_output(activation_) ? to.output() : to.input(0);
    to.emit(ActivateBackward{activation_, elements(to), to.type()},
            {saved, to.output_gradient(), to.input_gradient(0)});
  }
  Activation activation() const override { return activation_; }

 private:
  static std::int64_t elements(const Lowering& to) {
    return to.rows() * to.output_spec().shape.elements();
  }
  Activation activation_;
};

/// Along the last axis.
class SoftmaxLayer final : public Layer {
 public:
  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    if (inputs[0].shape.rank() < 1) {
      problems.add(name, "expected an input with a last axis, got " + to_string(inputs[0].shape));
      return {};
    }
    return {inputs[0], {}, {}};
  }
  void forward(Lowering& to) const override {
    const auto [rows, width] = extent(to);
    to.emit(Softmax{rows, width, to.type()}, {to.input(0), to.output()});
  }
  void backward(Lowering& to) const override {
    if (!to.wants_input_gradient(0)) return;
    const auto [rows, width] = extent(to);
    to.emit(SoftmaxBackward{rows, width, to.type()},
            {to.output(), to.output_gradient(), to.input_gradient(0)});
  }

 private:
  static std::pair<std::int64_t, std::int64_t> extent(const Lowering& to) {
    const Shape& shape = to.output_spec().shape;
    const std::int64_t width = shape[shape.rank() - 1];
    return {to.rows() * (shape.elements() / width), width};
  }
};

/// Drops elements by draws of JOB-3 and scales up the others; outside of training nothing. (Srivastava et al.,
/// JMLR 2014, in the inverted form.)
class DropoutLayer final : public Layer {
 public:
  explicit DropoutLayer(AttributeReader& attributes)
      : rate_{static_cast<float>(attributes.number("rate", 0.5, 0.0, 0.999))} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    return {inputs[0], {}, {}};
  }
  void forward(Lowering& to) const override {
    to.emit(op(to), {to.input(0), to.step_state(), to.output()});
  }
  void backward(Lowering& to) const override {
    if (to.wants_input_gradient(0)) {
      to.emit(op(to), {to.output_gradient(), to.step_state(), to.input_gradient(0)});
    }
  }
  bool passes_through(bool training) const override { return !training || rate_ == 0.0F; }

 private:
  Dropout op(const Lowering& to) const {
    return {to.rows(), to.output_spec().shape.elements(), rate_, to.layer_index(), to.type()};
  }
  float rate_;
};

template <Activation A>
std::unique_ptr<Layer> make_activation(AttributeReader&) {
  return std::make_unique<ActivationLayer>(A);
}

}  // namespace

std::unique_ptr<Layer> make_relu(AttributeReader& a) {
  return make_activation<Activation::relu>(a);
}
std::unique_ptr<Layer> make_gelu(AttributeReader& a) {
  return make_activation<Activation::gelu>(a);
}
std::unique_ptr<Layer> make_silu(AttributeReader& a) {
  return make_activation<Activation::silu>(a);
}
std::unique_ptr<Layer> make_sigmoid(AttributeReader& a) {
  return make_activation<Activation::sigmoid>(a);
}
std::unique_ptr<Layer> make_tanh(AttributeReader& a) {
  return make_activation<Activation::tanh>(a);
}
std::unique_ptr<Layer> make_softmax(AttributeReader&) {
  return std::make_unique<SoftmaxLayer>();
}
std::unique_ptr<Layer> make_dropout(AttributeReader& a) {
  return std::make_unique<DropoutLayer>(a);
}

}  // namespace troupe::gpu::nn::layers
