#include "tests/reference/pooling.hpp"

#include "tests/reference/convolution.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;
using troupe::gpu::ConvolutionGeometry;
using troupe::gpu::PoolKind;

TEST_CASE("Reference pooling: padding neither wins nor counts") {
  ConvolutionGeometry g{.rows = 1,
                        .in_height = 2,
                        .in_width = 2,
                        .in_channels = 1,
                        .out_height = 0,
                        .out_width = 0,
                        .out_channels = 1,
                        .kernel_height = 2,
                        .kernel_width = 2,
                        .stride_height = 2,
                        .stride_width = 2,
                        .pad_top = 1,
                        .pad_bottom = 1};
  g = with_output(g);
  CHECK(pool({PoolKind::max, g}, {-1, -2, -3, -4}) == Values{-1, -3});
  CHECK(pool({PoolKind::average, g}, {-1, -2, -3, -4}) == Values{-1.5, -3.5});
}

TEST_CASE("Reference pooling: gradients agree with finite differences") {
  ConvolutionGeometry g{.rows = 2,
                        .in_height = 5,
                        .in_width = 6,
                        .in_channels = 3,
                        .out_height = 0,
                        .out_width = 0,
                        .out_channels = 3,
                        .kernel_height = 3,
                        .kernel_width = 2,
                        .stride_height = 2,
                        .stride_width = 1,
                        .pad_top = 1,
                        .pad_bottom = 1,
                        .pad_right = 1};
  g = with_output(g);
  const Values x = random_values(input_elements(g), 1), dy = random_values(output_elements(g), 2);
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    check_gradient(
        [&](const Values& at) {
          return dot(pool({kind, g}, at), dy);
        },
        x, pool_backward({kind, g}, x, dy), kind == PoolKind::max ? "max" : "average");
  }
}
