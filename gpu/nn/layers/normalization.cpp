#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/lowering.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::nn::layers {
namespace {

Signature scale_and_shift(const ValueSpec& value, std::int64_t width) {
  Signature signature{value, {}, {}};
  signature.parameters.push_back(
      {"scale", Shape{width}, {Initialiser::Kind::constant, 1.0}, false});
  signature.parameters.push_back(
      {"shift", Shape{width}, {Initialiser::Kind::constant, 0.0}, false});
  return signature;
}

std::int64_t last_axis(const Shape& shape) {
  return shape[shape.rank() - 1];
}

/// Normalises each channel (the last axis) over the shard (JOB-4: a ghost batch); outside of training by the
/// running statistics. (Ioffe and Szegedy, ICML 2015.)
class BatchNormLayer final : public Layer {
 public:
  explicit BatchNormLayer(AttributeReader& attributes)
      : epsilon_{static_cast<float>(attributes.number("epsilon", 1e-5, 1e-12, 1.0))},
        momentum_{attributes.number("momentum", 0.1, 0.0, 1.0)} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    if (inputs[0].shape.rank() < 1) {
      problems.add(name, "expected an input with channels, got " + to_string(inputs[0].shape));
      return {};
    }
    const std::int64_t channels = last_axis(inputs[0].shape);
    Signature signature = scale_and_shift(inputs[0], channels);
    signature.statistic = StatisticSpec{channels, momentum_};
    return signature;
  }

  void forward(Lowering& to) const override {
    const auto [count, channels] = extent(to);
    if (!to.training()) {
      to.emit(BatchNormInference{count, channels, epsilon_, to.activation(), to.type()},
              {to.input(0), to.parameter("scale"), to.parameter("shift"), to.running_mean(),
               to.running_variance(), to.output()});
      return;
    }
    if (count < 2) {
      throw Error{ErrorCode::bad_input,
                  "layer '" + to.name() +
                      "': expected shards of 2 values a channel or more, got 1: " +
                      "a larger batch or fewer shards would do (JOB-4)"};
    }
    const BatchNorm op{count, channels, epsilon_, to.activation(), to.type()};
    const auto bytes = static_cast<std::size_t>(channels) * sizeof(float);
    const BufferId mean = to.scratch(bytes), variance = to.scratch(bytes);
    const BufferId workspace = to.scratch(to.workspace_bytes(op));
    to.keep("mean", mean);
    to.keep("variance", variance);
    to.keep("workspace", workspace);
    to.emit(op, {to.input(0), to.parameter("scale"), to.parameter("shift"), to.output(), mean,
                 variance, workspace, to.moments()});
  }

  void backward(Lowering& to) const override {
    const auto [count, channels] = extent(to);
    const auto bytes = static_cast<std::size_t>(count * channels) * size_bytes(to.type());
    const BufferId dx = to.wants_input_gradient(0) ? to.input_gradient(0) : to.scratch(bytes);
    to.emit(BatchNormBackward{count, channels, epsilon_, to.activation(), to.type()},
            {to.input(0), to.output_gradient(), to.parameter("scale"), to.kept("mean"),
             to.kept("variance"), to.kept("workspace"), dx, to.parameter_gradient("scale"),
             to.parameter_gradient("shift")});
  }

  bool fuses(Activation activation) const override { return activation == Activation::relu; }

 private:
  static std::pair<std::int64_t, std::int64_t> extent(const Lowering& to) {
    const Shape& in = to.input_spec(0).shape;
    return {to.rows() * (in.elements() / last_axis(in)), last_axis(in)};
  }

  float epsilon_;
  double momentum_;
};

/// Normalises each vector along the last axis. (Ba, Kiros, Hinton, 2016.)
class LayerNormLayer final : public Layer {
 public:
  explicit LayerNormLayer(AttributeReader& attributes)
      : epsilon_{static_cast<float>(attributes.number("epsilon", 1e-5, 1e-12, 1.0))} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    if (inputs[0].shape.rank() < 1) {
      problems.add(name, "expected an input with a last axis to normalise, got " +
                             to_string(inputs[0].shape));
      return {};
    }
    return scale_and_shift(inputs[0], last_axis(inputs[0].shape));
  }

  void forward(Lowering& to) const override {
    const auto [rows, width] = extent(to);
    const auto bytes = static_cast<std::size_t>(rows) * sizeof(float);
    const BufferId mean = to.scratch(bytes), inverse_deviation = to.scratch(bytes);
    to.keep("mean", mean);
    to.keep("inverse deviation", inverse_deviation);
    to.emit(LayerNorm{rows, width, epsilon_, to.type()},
            {to.input(0), to.parameter("scale"), to.parameter("shift"), to.output(), mean,
             inverse_deviation});
  }

  void backward(Lowering& to) const override {
    const auto [rows, width] = extent(to);
    const auto bytes = static_cast<std::size_t>(rows * width) * size_bytes(to.type());
    const BufferId dx = to.wants_input_gradient(0) ? to.input_gradient(0) : to.scratch(bytes);
    to.emit(LayerNormBackward{rows, width, epsilon_, to.type()},
            {to.input(0), to.output_gradient(), to.parameter("scale"), to.kept("mean"),
             to.kept("inverse deviation"), dx, to.parameter_gradient("scale"),
             to.parameter_gradient("shift")});
  }

 private:
  static std::pair<std::int64_t, std::int64_t> extent(const Lowering& to) {
    const Shape& in = to.input_spec(0).shape;
    return {to.rows() * (in.elements() / last_axis(in)), last_axis(in)};
  }

  float epsilon_;
};

}  // namespace

std::unique_ptr<Layer> make_batch_norm(AttributeReader& attributes) {
  return std::make_unique<BatchNormLayer>(attributes);
}
std::unique_ptr<Layer> make_layer_norm(AttributeReader& attributes) {
  return std::make_unique<LayerNormLayer>(attributes);
}

}  // namespace troupe::gpu::nn::layers
