#include "gpu/operation.hpp"

#include <array>
#include <type_traits>

#include "gpu/shape.hpp"

namespace troupe::gpu {
namespace {

struct OperandCount {
  std::size_t operator()(const Dense& op) const { return 3 + op.bias; }
  std::size_t operator()(const DenseBackwardData&) const { return 3; }
  std::size_t operator()(const DenseBackwardWeights& op) const { return 3 + op.bias; }
  std::size_t operator()(const Convolution& op) const { return 3 + op.bias; }
  std::size_t operator()(const ConvolutionBackwardData&) const { return 3; }
  std::size_t operator()(const ConvolutionBackwardWeights& op) const { return 3 + op.bias; }
  std::size_t operator()(const Pool& op) const {
    return 2 + (op.kind == PoolKind::max && op.training);
  }
  std::size_t operator()(const PoolBackward& op) const { return 2 + (op.kind == PoolKind::max); }
  std::size_t operator()(const BatchNorm&) const { return 8; }
  std::size_t operator()(const BatchNormBackward&) const { return 9; }
  std::size_t operator()(const BatchNormInference&) const { return 6; }
  std::size_t operator()(const LayerNorm&) const { return 6; }
  std::size_t operator()(const LayerNormBackward&) const { return 8; }
  std::size_t operator()(const Activate&) const { return 2; }
  std::size_t operator()(const ActivateBackward&) const { return 3; }
  std::size_t operator()(const Softmax&) const { return 2; }
  std::size_t operator()(const SoftmaxBackward&) const { return 3; }
  std::size_t operator()(const Dropout&) const { return 3; }
  std::size_t operator()(const Add& op) const { return static_cast<std::size_t>(op.inputs) + 1; }
  std::size_t operator()(const StridedCopy&) const { return 2; }
  std::size_t operator()(const Zero&) const { return 1; }
  std::size_t operator()(const CastScale&) const { return 2; }
  std::size_t operator()(const SoftmaxCrossEntropy& op) const { return 5 + op.gradient; }
  std::size_t operator()(const BinaryCrossEntropy& op) const { return 5 + op.gradient; }
  std::size_t operator()(const MeanSquaredError& op) const { return 5 + op.gradient; }
  std::size_t operator()(const Signal&) const { return 0; }
};

std::string shape_of(const ConvolutionGeometry& g) {
  std::string text =
      to_string(Shape{g.rows, g.in_height, g.in_width, g.in_channels}) + " x " +
      to_string(Shape{g.out_channels, g.kernel_height, g.kernel_width, g.in_channels / g.groups});
  if (g.stride_height > 1 || g.stride_width > 1)
    text += " stride " + to_string(Shape{g.stride_height, g.stride_width});
  if (g.dilation_height > 1 || g.dilation_width > 1)
    text += " dilation " + to_string(Shape{g.dilation_height, g.dilation_width});
  if (g.pad_top > 0 || g.pad_bottom > 0 || g.pad_left > 0 || g.pad_right > 0)
    text += " padding " + to_string(Shape{g.pad_top, g.pad_bottom, g.pad_left, g.pad_right});
  return text;
}

struct ShapeText {
  template <class Op>
  std::string operator()(const Op& op) const {
    if constexpr (requires { op.geometry; }) return shape_of(op.geometry);
    if constexpr (requires { op.in; })
      return to_string(Shape{op.rows, op.in}) + " x " + to_string(Shape{op.out, op.in});
    if constexpr (requires { op.count; }) return to_string(Shape{op.count, op.channels});
    if constexpr (std::is_same_v<Op, Softmax> || std::is_same_v<Op, SoftmaxBackward> ||
                  std::is_same_v<Op, LayerNorm> || std::is_same_v<Op, LayerNormBackward>)
      return to_string(Shape{op.rows, op.width});
    return {};
  }
};

}  // namespace

std::string to_string(Activation activation) {
  constexpr std::array names = {"none", "relu", "gelu", "silu", "sigmoid", "tanh"};
  return names[static_cast<std::size_t>(activation)];
}

std::string name_of(const Operation& operation) {
  // In the order of the variant's alternatives.
  constexpr std::array<const char*, std::variant_size_v<Operation>> names = {
      "dense",
      "dense backward data",
      "dense backward weights",
      "convolution",
      "convolution backward data",
      "convolution backward weights",
      "pool",
      "pool backward",
      "batch norm",
      "batch norm backward",
      "batch norm inference",
      "layer norm",
      "layer norm backward",
      "activate",
      "activate backward",
      "softmax",
      "softmax backward",
      "dropout",
      "add",
      "strided copy",
      "zero",
      "cast",
      "softmax cross-entropy",
      "binary cross-entropy",
      "mean squared error",
      "signal"};
  return names[operation.index()];
}

std::size_t operand_count(const Operation& operation) {
  return std::visit(OperandCount{}, operation);
}

DType element_type(const Operation& operation) {
  return std::visit(
      [](const auto& op) {
        if constexpr (requires { op.type; }) return op.type;
        if constexpr (requires { op.to; }) return op.to;
        return DType::f32;
      },
      operation);
}

std::optional<Unfused> without_activation(const Operation& operation) {
  if (const auto* dense = std::get_if<Dense>(&operation);
      dense && dense->activation != Activation::none) {
    Dense plain = *dense;
    plain.activation = Activation::none;
    return Unfused{plain,
                   {dense->activation, dense->rows * dense->out, dense->type},
                   operand_count(operation) - 1};
  }
  if (const auto* conv = std::get_if<Convolution>(&operation);
      conv && conv->activation != Activation::none) {
    Convolution plain = *conv;
    plain.activation = Activation::none;
    const ConvolutionGeometry& g = conv->geometry;
    return Unfused{
        plain,
        {conv->activation, g.rows * g.out_height * g.out_width * g.out_channels, conv->type},
        operand_count(operation) - 1};
  }
  return std::nullopt;
}

std::string describe(const Operation& operation) {
  std::string text = name_of(operation);
  if (const std::string shape = std::visit(ShapeText{}, operation); !shape.empty())
    text += " " + shape;
  const DType type = std::visit(
      [](const auto& op) {
        if constexpr (requires { op.type; }) return op.type;
        return DType::f32;
      },
      operation);
  return type == DType::f32 ? text : text + " " + std::string{to_string(type)};
}

}  // namespace troupe::gpu
