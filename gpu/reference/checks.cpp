#include "gpu/reference/checks.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <variant>

#include "runtime/base/error.hpp"

namespace troupe::gpu::reference {
namespace {

void expect(bool holds, const char* operation, const char* expected) {
  if (!holds) {
    throw Error{ErrorCode::bad_input, std::string{operation} + ": expected " + expected};
  }
}

struct CheckPointwise {
  void operator()(const Activate& op) const {
    expect(op.elements >= 0, "activate", "0 elements or more");
  }
  void operator()(const ActivateBackward& op) const {
    expect(op.elements >= 0, "activate backward", "0 elements or more");
  }
  void operator()(const Softmax& op) const {
    expect(op.rows >= 0 && op.width >= 1, "softmax", "rows of 1 element or more");
  }
  void operator()(const SoftmaxBackward& op) const {
    expect(op.rows >= 0 && op.width >= 1, "softmax backward", "rows of 1 element or more");
  }
  void operator()(const Dropout& op) const {
    expect(op.rows >= 0 && op.width >= 0, "dropout", "rows and width of 0 or more");
    expect(op.width <= std::int64_t{1} << 34, "dropout", "rows of at most 2^34 elements");
    expect(op.rate >= 0.0F && op.rate < 1.0F, "dropout", "a rate in [0, 1)");
    expect(op.layer < std::uint32_t{1} << 24, "dropout", "a layer index below 2^24");
  }
  void operator()(const Add& op) const {
    expect(op.elements >= 0, "add", "0 elements or more");
    expect(op.inputs >= 1, "add", "1 input or more");
  }
  void operator()(const StridedCopy& op) const {
    expect(op.rows >= 0 && op.width_bytes >= 0, "strided copy", "rows and widths of 0 or more");
  }
  void operator()(const Zero& op) const { expect(op.bytes >= 0, "zero", "0 bytes or more"); }
  void operator()(const CastScale& op) const {
    expect(op.elements >= 0, "cast", "0 elements or more");
  }
  void operator()(const SoftmaxCrossEntropy& op) const {
    expect(op.rows >= 0 && op.classes >= 1 && op.rows_per_sample >= 1, "softmax cross-entropy",
           "1 class or more, and 1 row a sample or more");
    expect(op.smoothing >= 0.0F && op.smoothing < 1.0F, "softmax cross-entropy",
           "a smoothing in [0, 1)");
  }
  void operator()(const BinaryCrossEntropy& op) const {
    expect(op.rows >= 0 && op.width >= 1, "binary cross-entropy", "rows of 1 element or more");
  }
  void operator()(const MeanSquaredError& op) const {
    expect(op.rows >= 0 && op.width >= 1, "mean squared error", "rows of 1 element or more");
  }
  template <class Other>
  void operator()(const Other&) const {}
};

}  // namespace

void check_sizes(const Operation& operation, std::initializer_list<std::int64_t> sizes) {
  for (const std::int64_t size : sizes) {
    if (size < 1) {
      throw Error{
          ErrorCode::bad_input,
          name_of(operation) + ": expected sizes of at least 1, got " + std::to_string(size)};
    }
  }
}

void check_geometry(const Operation& operation, const ConvolutionGeometry& g) {
  check_sizes(operation, {g.rows, g.in_height, g.in_width, g.in_channels, g.out_height, g.out_width,
                          g.out_channels, g.kernel_height, g.kernel_width, g.stride_height,
                          g.stride_width, g.dilation_height, g.dilation_width, g.groups});
  if (g.in_channels % g.groups != 0 || g.out_channels % g.groups != 0) {
    throw Error{ErrorCode::bad_input, name_of(operation) + ": expected channels in multiples of " +
                                          std::to_string(g.groups) + " groups, got " +
                                          std::to_string(g.in_channels) + " in and " +
                                          std::to_string(g.out_channels) + " out"};
  }
}

void check_none_or_relu(const Operation& operation, Activation activation) {
  if (activation != Activation::none && activation != Activation::relu) {
    throw Error{ErrorCode::bad_input, name_of(operation) +
                                          ": expected the activation none or relu, got " +
                                          to_string(activation)};
  }
}

void check_pointwise(const Operation& operation) {
  std::visit(CheckPointwise{}, operation);
}

void check_pooling(const Operation& operation, const ConvolutionGeometry& g) {
  check_geometry(operation, g);
  if (g.in_channels != g.out_channels || g.groups != 1 || g.dilation_height != 1 ||
      g.dilation_width != 1) {
    throw Error{ErrorCode::bad_input,
                name_of(operation) +
                    ": expected as many channels out as in, dilation 1 and groups 1, got " +
                    std::to_string(g.in_channels) + " in, " + std::to_string(g.out_channels) +
                    " out, dilation " + std::to_string(g.dilation_height) + " x " +
                    std::to_string(g.dilation_width) + ", groups " + std::to_string(g.groups)};
  }
  if (g.kernel_height > std::numeric_limits<std::int32_t>::max() / g.kernel_width) {
    throw Error{ErrorCode::bad_input,
                name_of(operation) + ": expected at most 2^31 - 1 taps, got " +
                    std::to_string(g.kernel_height) + " x " + std::to_string(g.kernel_width)};
  }
}

}  // namespace troupe::gpu::reference
