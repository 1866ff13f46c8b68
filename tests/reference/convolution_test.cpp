#include "tests/reference/convolution.hpp"

#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;
using troupe::gpu::ConvolutionGeometry;

TEST_CASE("Reference convolution: images worked by hand") {
  // 1 2 3    kernel 1 0   1·1 + 5·2 = 11, 2·1 + 6·2 = 14
  // 4 5 6           0 2
  ConvolutionGeometry g{.rows = 1,
                        .in_height = 2,
                        .in_width = 3,
                        .in_channels = 1,
                        .out_height = 0,
                        .out_width = 0,
                        .out_channels = 1,
                        .kernel_height = 2,
                        .kernel_width = 2};
  const Values image = {1, 2, 3, 4, 5, 6}, kernel = {1, 0, 0, 2};
  CHECK(convolution({with_output(g), true}, image, kernel, {0.5}) == Values{11.5, 14.5});

  // With a row of zeros above and a stride of 2 along the width: 2·2 = 4 above, 11 below.
  g.pad_top = 1;
  g.stride_width = 2;
  CHECK(convolution({with_output(g), false}, image, kernel, {}) == Values{4, 11});

  // One group a channel: each is multiplied by its own weight.
  ConvolutionGeometry depthwise{.rows = 1,
                                .in_height = 1,
                                .in_width = 2,
                                .in_channels = 2,
                                .out_height = 0,
                                .out_width = 0,
                                .out_channels = 2,
                                .kernel_height = 1,
                                .kernel_width = 1};
  depthwise.groups = 2;
  CHECK(convolution({with_output(depthwise), false}, {1, 2, 3, 4}, {10, 100}, {}) ==
        Values{10, 200, 30, 400});
}

TEST_CASE("Reference convolution: gradients agree with finite differences") {
  ConvolutionGeometry g{.rows = 2,
                        .in_height = 5,
                        .in_width = 4,
                        .in_channels = 4,
                        .out_height = 0,
                        .out_width = 0,
                        .out_channels = 6,
                        .kernel_height = 3,
                        .kernel_width = 2,
                        .stride_height = 2,
                        .stride_width = 1,
                        .dilation_height = 1,
                        .dilation_width = 2,
                        .pad_top = 1,
                        .pad_bottom = 2,
                        .pad_left = 0,
                        .pad_right = 1,
                        .groups = 2};
  g = with_output(g);
  const Values x = random_values(input_elements(g), 1),
               weight = random_values(weight_elements(g), 2), bias = random_values(6, 3),
               dy = random_values(output_elements(g), 4);
  const auto loss = [&](const Values& x_at, const Values& weight_at, const Values& bias_at) {
    return dot(convolution({g}, x_at, weight_at, bias_at), dy);
  };
  const WeightGradients gradients = convolution_backward_weights({g}, x, dy);
  check_gradient([&](const Values& at) { return loss(at, weight, bias); }, x,
                 convolution_backward_data({g}, dy, weight), "dx");
  check_gradient([&](const Values& at) { return loss(x, at, bias); }, weight, gradients.weight,
                 "dweight");
  check_gradient([&](const Values& at) { return loss(x, weight, at); }, bias, gradients.bias,
                 "dbias");
}
