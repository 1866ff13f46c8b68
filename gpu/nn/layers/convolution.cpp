#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/layers/weighted.hpp"
#include "gpu/nn/layers/window.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// [h, w, c] -> [h', w', filters]; kernel [kh, kw], stride, padding, dilation, groups. A 1-D convolution has
/// height 1, a causal one pads its left alone.
class Conv2d final : public Layer {
 public:
  explicit Conv2d(AttributeReader& attributes)
      : filters_{attributes.integer("filters", std::nullopt, 1)},
        groups_{attributes.integer("groups", 1, 1)},
        bias_{attributes.flag("bias", true)},
        window_{attributes, false, true},
        weight_init_{read_initialiser(attributes, "weight_init", Initialiser::Kind::he_normal)},
        bias_init_{read_initialiser(attributes, "bias_init", Initialiser::Kind::constant)} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    const std::size_t before = problems.count();
    const ConvolutionGeometry g = window_.over(name, inputs[0].shape, filters_, groups_, problems);
    if (problems.count() > before) return {};
    Signature signature{{Shape{g.out_height, g.out_width, filters_}, DType::f32}, {}, {}};
    const Shape shape{filters_, g.kernel_height, g.kernel_width,
                      g.in_channels / groups_};  // bounds the products below
    Initialiser weight = weight_init_;
    weight.fan_in = g.kernel_height * g.kernel_width * g.in_channels / groups_;
    weight.fan_out = g.kernel_height * g.kernel_width * filters_ / groups_;
    signature.parameters.push_back({"weight", shape, weight, true});
    if (bias_) signature.parameters.push_back({"bias", Shape{filters_}, bias_init_, false});
    return signature;
  }

  void forward(Lowering& to) const override {
    emit_weighted(to, Convolution{geometry(to), bias_, to.activation(), to.type()});
  }

  void backward(Lowering& to) const override {
    const ConvolutionGeometry g = geometry(to);
    const BufferId dy = to.preactivation_gradient();
    emit_weights_gradient(to, ConvolutionBackwardWeights{g, bias_, to.type()}, dy,
                          filters_ * g.kernel_height * g.kernel_width * (g.in_channels / groups_));
    if (to.wants_input_gradient(0)) {
      to.emit(ConvolutionBackwardData{g, to.type()},
              {dy, to.weight("weight"), to.input_gradient(0)});
    }
  }

  bool fuses(Activation) const override { return true; }

 private:
  ConvolutionGeometry geometry(const Lowering& to) const {
    Problems none;
    ConvolutionGeometry g = window_.over("", to.input_spec(0).shape, filters_, groups_, none);
    g.rows = to.rows();
    return g;
  }

  std::int64_t filters_, groups_;
  bool bias_;
  Window window_;
  Initialiser weight_init_, bias_init_;
};

}  // namespace

std::unique_ptr<Layer> make_conv2d(AttributeReader& attributes) {
  return std::make_unique<Conv2d>(attributes);
}

}  // namespace troupe::gpu::nn::layers
