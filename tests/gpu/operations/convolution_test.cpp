#include "tests/reference/convolution.hpp"

#include "gpu/operation.hpp"
#include "tests/reference/activations.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;
using troupe::gpu::Convolution;
using troupe::gpu::ConvolutionBackwardData;
using troupe::gpu::ConvolutionBackwardWeights;
using troupe::gpu::ConvolutionGeometry;

namespace {

// Of [height, width, channels] at the kernel's size; what is not named stays as ConvolutionGeometry has it.
struct Geometry {
  std::int64_t rows, height, width, in, out, kernel_height, kernel_width;
  std::int64_t stride_height = 1, stride_width = 1, dilation_height = 1, dilation_width = 1;
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0, groups = 1;

  ConvolutionGeometry full() const {
    return with_output({rows, height, width, in, 0, 0, out, kernel_height, kernel_width,
                        stride_height, stride_width, dilation_height, dilation_width, pad_top,
                        pad_bottom, pad_left, pad_right, groups});
  }
};

const std::vector<Geometry> geometries = {
    // 1x1, 3x3, 5x5 and 1-D kernels, over channels that fill no vector
    {1, 1, 1, 1, 1, 1, 1},
    {2, 5, 7, 3, 16, 1, 1},
    {3, 4, 4, 33, 3, 1, 1},
    {1, 9, 8, 1, 33, 3, 3},
    {2, 7, 7, 3, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 6, 6, 16, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {3, 6, 5, 33, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 11, 9, 3, 16, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},
    {4, 28, 28, 1, 3, 5, 5},
    {3, 1, 50, 16, 3, 1, 7, 1, 1, 1, 1, 0, 0, 3, 3},
    {2, 1, 31, 1, 16, 1, 4, 1, 2},
    // strides, alone and with a remainder
    {2, 8, 8, 16, 33, 1, 1, 2, 2},
    {2, 9, 8, 3, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
    {1, 10, 11, 16, 16, 3, 3, 3, 2},
    {2, 13, 7, 3, 1, 5, 5, 3, 3, 1, 1, 2, 2, 2, 2},
    // asymmetric padding; causal in 1-D
    {2, 6, 7, 3, 16, 3, 3, 1, 1, 1, 1, 0, 2, 1, 0},
    {1, 5, 5, 16, 3, 2, 2, 2, 2, 1, 1, 1, 0, 0, 1},
    {2, 1, 20, 16, 16, 1, 3, 1, 1, 1, 2, 0, 0, 4, 0},
    // dilation
    {2, 9, 9, 3, 16, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2},
    {1, 10, 9, 16, 33, 3, 2, 2, 1, 2, 2, 1, 0, 0, 1},
    // groups, to one a channel and to several outputs a channel
    {2, 6, 6, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2},
    {2, 5, 6, 6, 4, 3, 3, 2, 1, 1, 1, 1, 1, 1, 0, 2},
    {2, 7, 6, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 16},
    {1, 6, 7, 33, 33, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 33},
    {2, 5, 5, 3, 6, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 3},
    // images smaller than the kernel
    {1, 1, 1, 3, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 2, 3, 16, 3, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},
    {3, 1, 2, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
};

void check_forward(const Subject& subject) {
  for (const Geometry& short_form : geometries) {
    const ConvolutionGeometry geometry = short_form.full();
    for (const std::uint64_t seed : {1U, 2U}) {
      const Values x = rounded(random_values(input_elements(geometry), seed), subject.type),
                   weight =
                       rounded(random_values(weight_elements(geometry), seed + 10), subject.type),
                   bias = random_values(static_cast<std::size_t>(geometry.out_channels), seed + 20);
      for (const bool with_bias : {true, false}) {
        const Values sums = convolution({geometry, with_bias}, x, weight, bias);
        for (const Activation activation : all_activations) {
          Arguments arguments;
          arguments.in(x, subject.type);
          arguments.in(weight, subject.type);
          if (with_bias) arguments.in(bias);
          arguments.out(output_elements(geometry), subject.type);
          const std::string name = subject.name + " convolution " + describe(geometry) + ", " +
                                   to_string(activation) + (with_bias ? ", bias" : ", no bias");
          const Convolution shape{geometry, with_bias, activation, subject.type};
          if (!arguments.run(subject, shape, name)) continue;
          check_close(arguments.values(with_bias ? 3 : 2, subject.type), activate(activation, sums),
                      name, subject.tolerance());
        }
      }
    }
  }
}

void check_backward(const Subject& subject) {
  for (const Geometry& short_form : geometries) {
    const ConvolutionGeometry geometry = short_form.full();
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      const Values x = rounded(random_values(input_elements(geometry), seed), subject.type),
                   weight =
                       rounded(random_values(weight_elements(geometry), seed + 10), subject.type),
                   dy = rounded(random_values(output_elements(geometry), seed + 20), subject.type);
      const std::string name = subject.name + " convolution backward " + describe(geometry);
      Arguments data;
      data.in(dy, subject.type);
      data.in(weight, subject.type);
      data.out(x.size(), subject.type);
      if (data.run(subject, ConvolutionBackwardData{geometry, subject.type}, name + ", data")) {
        check_close(data.values(2, subject.type), convolution_backward_data({geometry}, dy, weight),
                    name + ", data", subject.tolerance());
      }
      for (const bool with_bias : {true, false}) {
        Arguments weights;
        weights.in(x, subject.type);
        weights.in(dy, subject.type);
        weights.out(weight.size(), subject.type);
        if (with_bias) weights.out(static_cast<std::size_t>(geometry.out_channels));
        const ConvolutionBackwardWeights shape{geometry, with_bias, subject.type};
        if (!weights.run(subject, shape, name + ", weights")) continue;
        const WeightGradients expected = convolution_backward_weights(shape, x, dy);
        check_close(weights.values(2, subject.type), expected.weight, name + ", weights",
                    subject.tolerance());
        if (with_bias)
          check_close(weights.get(3), expected.bias, name + ", bias", subject.tolerance());
      }
    }
  }
}

}  // namespace

TEST_CASE("Convolution: portable forward agrees with the reference") {
  check_forward(portable());
}
TEST_CASE("Convolution: portable backward agrees with the reference") {
  check_backward(portable());
}
TEST_CASE("Convolution: oneDNN's forward agrees with the reference") {
  if (const auto onednn = find_onednn()) check_forward(*onednn);
}
TEST_CASE("Convolution: oneDNN's backward agrees with the reference") {
  if (const auto onednn = find_onednn()) check_backward(*onednn);
}
TEST_CASE("Convolution: in bf16 it agrees with the reference") {
  check_forward(narrow());
  check_backward(narrow());
}
