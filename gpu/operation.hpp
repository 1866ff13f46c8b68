#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "gpu/dtype.hpp"

/// What a backend must be able to compute, as data. Each operation names its operands in order; a
/// kernel gets their addresses in that order. Arrays are row-major, f32 unless said otherwise, and
/// images are NHWC. Outputs do not overlap inputs, except where "may be" says so.
///
/// `type` is f32, or bf16 where the backend computes in it: it is the element type of activations and their
/// gradients (x, y, dy, dx, logits), and of the weights and weight gradients of dense layers and convolutions.
/// Biases, scales, shifts, statistics and their gradients stay f32; so does all that is summed.
namespace troupe::gpu {

enum class Activation : std::uint8_t { none, relu, gelu, silu, sigmoid, tanh };
std::string to_string(Activation activation);
/// Whether the derivative can be had from the output alone; only then is it fused into a training step.
constexpr bool differentiable_from_output(Activation activation) {
  return activation == Activation::relu || activation == Activation::sigmoid ||
         activation == Activation::tanh;
}

/// y = act(x · weightᵀ + bias).   x [rows, in], weight [out, in], (bias [out]) -> y [rows, out]
struct Dense {
  std::int64_t rows, in, out;
  bool bias = true;
  Activation activation = Activation::none;
  DType type = DType::f32;
};
/// dx = dy · weight.   dy [rows, out], weight [out, in] -> dx [rows, in]
struct DenseBackwardData {
  std::int64_t rows, in, out;
  DType type = DType::f32;
};
/// dweight = dyᵀ · x, dbias = column sums of dy.   x [rows, in], dy [rows, out] -> dweight, (dbias)
struct DenseBackwardWeights {
  std::int64_t rows, in, out;
  bool bias = true;
  DType type = DType::f32;
};

/// A two-dimensional window over [rows, in_height, in_width, in_channels]; a 1-D one has height 1.
struct ConvolutionGeometry {
  std::int64_t rows, in_height, in_width, in_channels;
  std::int64_t out_height, out_width, out_channels;
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1;  ///< 1: dense
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
  std::int64_t groups = 1;
};
/// x, weight [out_channels, kernel_height, kernel_width, in_channels / groups], (bias) -> y
struct Convolution {
  ConvolutionGeometry geometry;
  bool bias = true;
  Activation activation = Activation::none;
  DType type = DType::f32;
};
/// dy, weight -> dx
struct ConvolutionBackwardData {
  ConvolutionGeometry geometry;
  DType type = DType::f32;
};
/// x, dy -> dweight, (dbias)
struct ConvolutionBackwardWeights {
  ConvolutionGeometry geometry;
  bool bias = true;
  DType type = DType::f32;
};

enum class PoolKind : std::uint8_t { max, average };
/// x -> y, (workspace: max in training, of Device::workspace_bytes). Padding never wins a maximum and is not
/// counted in an average. `geometry` has in_channels == out_channels, dilation 1, groups 1.
struct Pool {
  PoolKind kind;
  ConvolutionGeometry geometry;
  bool training = true;
  DType type = DType::f32;
};
/// dy, (workspace: max only) -> dx
struct PoolBackward {
  PoolKind kind;
  ConvolutionGeometry geometry;
  DType type = DType::f32;
};

/// Normalises each channel over the shard's rows · height · width = `count` values (JOB-4).
/// x [count, channels], scale, shift -> y, mean [channels], variance [channels] (biased), workspace,
/// moments f64 [1 + 2 · channels]: count, then count · mean, then count · (variance + mean²)
struct BatchNorm {
  std::int64_t count, channels;
  float epsilon;
  Activation activation = Activation::none;  ///< none or relu
  DType type = DType::f32;
};
/// x, dy, scale, mean, variance, workspace -> dx, dscale, dshift. dy is that of the activated output.
struct BatchNormBackward {
  std::int64_t count, channels;
  float epsilon;
  Activation activation = Activation::none;
  DType type = DType::f32;
};
/// x, scale, shift, running mean, running variance -> y
struct BatchNormInference {
  std::int64_t count, channels;
  float epsilon;
  Activation activation = Activation::none;
  DType type = DType::f32;
};

/// Normalises each row.   x [rows, width], scale [width], shift [width] -> y, mean [rows], inverse deviation [rows]
struct LayerNorm {
  std::int64_t rows, width;
  float epsilon;
  DType type = DType::f32;
};
/// x, dy, scale, mean, inverse deviation -> dx, dscale, dshift
struct LayerNormBackward {
  std::int64_t rows, width;
  float epsilon;
  DType type = DType::f32;
};

/// x [elements] -> y (may be x). gelu is the tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))).
struct Activate {
  Activation activation;
  std::int64_t elements;
  DType type = DType::f32;
};
/// saved, dy -> dx (may be dy). `saved` is the output where differentiable_from_output, else the input.
struct ActivateBackward {
  Activation activation;
  std::int64_t elements;
  DType type = DType::f32;
};

/// x [rows, width] -> y (may be x): each row's exponentials over their sum, after subtracting its maximum.
struct Softmax {
  std::int64_t rows, width;
  DType type = DType::f32;
};
/// y, dy -> dx (may be dy): y · (dy - Σ y·dy)
struct SoftmaxBackward {
  std::int64_t rows, width;
  DType type = DType::f32;
};

/// x [rows, width], StepState -> y (may be x). Element e of row r is dropped where the draw of JOB-3 at
/// (position + r, Purpose::dropout, layer, e) is below `rate`, else multiplied by 1 / (1 - rate).
/// Its own backward: dy in, dx out.
struct Dropout {
  std::int64_t rows, width;
  float rate;
  std::uint32_t layer;
  DType type = DType::f32;
};

/// x1, …, xk -> y (may be x1): act(((x1 + x2) + x3) + …), in this order.
struct Add {
  std::int64_t elements;
  int inputs;
  Activation activation = Activation::none;
  DType type = DType::f32;
};

/// x -> y: `rows` runs of `width_bytes`, from and to places these many bytes apart, the first one at these
/// offsets (concat, split, copy). Bytes of y in between stay as they are.
struct StridedCopy {
  std::int64_t rows, width_bytes, from_stride_bytes, to_stride_bytes;
  std::int64_t from_offset_bytes = 0, to_offset_bytes = 0;
};

/// -> y: zero bytes.
struct Zero {
  std::int64_t bytes;
};

/// x of `from` -> y of `to`: value · scale + offset in f32, rounded to nearest even where `to` is bf16. Takes u8,
/// i32, i64, bf16 and f32.
struct CastScale {
  DType from;
  std::int64_t elements;
  float scale = 1.0F, offset = 0.0F;
  DType to = DType::f32;
};

/// The losses are summed over the rows that count, never divided (JOB-4): rows below StepState::rows whose
/// label is not `ignore_index`. Gradients of other rows are 0.
///
/// logits [rows, classes], labels i32 [rows], StepState -> (dlogits), loss f64, counted rows i64.
/// Nats. With smoothing s the target is (1 - s) · one-hot + s / classes. A label that is neither a class
/// nor ignore_index gives a NaN loss and touches no memory outside its row.
struct SoftmaxCrossEntropy {
  std::int64_t rows, classes;
  float smoothing = 0.0F;
  std::int32_t ignore_index = -1;
  bool gradient = true;
  std::int64_t rows_per_sample = 1;  ///< of a sequence: rows below StepState::rows · this may count
  DType type = DType::f32;
};
/// x [rows, width], target [rows, width], StepState -> (dx), loss f64, counted rows i64. A row's loss is the
/// mean over its `width` elements of max(x,0) - x·t + log(1 + exp(-|x|)).
struct BinaryCrossEntropy {
  std::int64_t rows, width;
  bool gradient = true;
  DType type = DType::f32;
};
/// As above, of (x - t)².
struct MeanSquaredError {
  std::int64_t rows, width;
  bool gradient = true;
  DType type = DType::f32;
};

/// No operands: the gradient bucket `bucket` is complete; all that wrote it stands before this. An index
/// equal to the count of buckets stands for the shard's sums.
struct Signal {
  std::uint32_t bucket;
};

using Operation =
    std::variant<Dense, DenseBackwardData, DenseBackwardWeights, Convolution,
                 ConvolutionBackwardData, ConvolutionBackwardWeights, Pool, PoolBackward, BatchNorm,
                 BatchNormBackward, BatchNormInference, LayerNorm, LayerNormBackward, Activate,
                 ActivateBackward, Softmax, SoftmaxBackward, Dropout, Add, StridedCopy, Zero,
                 CastScale, SoftmaxCrossEntropy, BinaryCrossEntropy, MeanSquaredError, Signal>;

/// As in "convolution backward data", for errors and traces.
std::string name_of(const Operation& operation);
/// How many operands the operation has, as its flags stand.
std::size_t operand_count(const Operation& operation);
/// The operation's `type`, or what a cast makes; f32 where it has neither.
DType element_type(const Operation& operation);

/// A dense layer or convolution without its activation, and that as an operation in place over the output, for
/// whoever cannot fuse the two.
struct Unfused {
  Operation operation;
  Activate activate;
  std::size_t output;  ///< which operand of `operation`
};
/// Nothing where there is no activation to take off.
std::optional<Unfused> without_activation(const Operation& operation);

/// The name with the shape, as in "convolution [64, 14, 14, 32] x [64, 3, 3, 32] stride [2, 2]", for errors and records;
/// the name alone of what is done element by element. Types other than f32 are named, too.
std::string describe(const Operation& operation);

}  // namespace troupe::gpu
