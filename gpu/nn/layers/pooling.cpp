#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/layers/window.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// [h, w, c] -> [h', w', c]: the largest or the mean of each window; its stride is the kernel unless given.
/// Without a window, over the whole image: [h, w, c] -> [c].
class Pooling final : public Layer {
 public:
  Pooling(PoolKind kind, std::optional<Window> window) : kind_{kind}, window_{std::move(window)} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (!expect_inputs(name, inputs, 1, problems)) return {};
    const std::size_t before = problems.count();
    const ConvolutionGeometry g = over(name, inputs[0].shape, problems);
    if (problems.count() > before) return {};
    if (g.pad_top >= g.kernel_height || g.pad_bottom >= g.kernel_height ||
        g.pad_left >= g.kernel_width || g.pad_right >= g.kernel_width) {
      problems.add(name,
                   "expected a padding smaller than the window, so that no window is all padding");
      return {};
    }
    const Shape out =
        window_ ? Shape{g.out_height, g.out_width, g.out_channels} : Shape{g.out_channels};
    return {{out, DType::f32}, {}, {}};
  }

  void forward(Lowering& to) const override {
    const Pool op{kind_, geometry(to), to.training(), to.type()};
    if (kind_ == PoolKind::average || !to.training()) {
      to.emit(op, {to.input(0), to.output()});
      return;
    }
    const BufferId workspace = to.scratch(to.workspace_bytes(op));
    to.keep("workspace", workspace);
    to.emit(op, {to.input(0), to.output(), workspace});
  }

  void backward(Lowering& to) const override {
    if (!to.wants_input_gradient(0)) return;
    const PoolBackward op{kind_, geometry(to), to.type()};
    if (kind_ == PoolKind::average) {
      to.emit(op, {to.output_gradient(), to.input_gradient(0)});
    } else {
      to.emit(op, {to.output_gradient(), to.kept("workspace"), to.input_gradient(0)});
    }
  }

 private:
  ConvolutionGeometry over(std::string_view name, const Shape& input, Problems& problems) const {
    if (window_) return window_->over(name, input, 0, 1, problems);
    if (input.rank() != 3) {
      problems.add(
          name, "expected an input of rank 3 [height, width, channels], got " + to_string(input));
      return {};
    }
    ConvolutionGeometry g{};
    g.rows = g.out_height = g.out_width = 1;
    g.in_height = g.kernel_height = g.stride_height = input[0];
    g.in_width = g.kernel_width = g.stride_width = input[1];
    g.in_channels = g.out_channels = input[2];
    return g;
  }
  ConvolutionGeometry geometry(const Lowering& to) const {
    Problems none;
    ConvolutionGeometry g = over("", to.input_spec(0).shape, none);
    g.rows = to.rows();
    return g;
  }

  PoolKind kind_;
  std::optional<Window> window_;
};

}  // namespace

std::unique_ptr<Layer> make_max_pool(AttributeReader& attributes) {
  return std::make_unique<Pooling>(PoolKind::max, Window{attributes, true, false});
}
std::unique_ptr<Layer> make_average_pool(AttributeReader& attributes) {
  return std::make_unique<Pooling>(PoolKind::average, Window{attributes, true, false});
}
std::unique_ptr<Layer> make_global_max_pool(AttributeReader&) {
  return std::make_unique<Pooling>(PoolKind::max, std::nullopt);
}
std::unique_ptr<Layer> make_global_average_pool(AttributeReader&) {
  return std::make_unique<Pooling>(PoolKind::average, std::nullopt);
}

}  // namespace troupe::gpu::nn::layers
