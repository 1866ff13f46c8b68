#include "gpu/reference/convolution.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/reference/on_every_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::test;

namespace {

/// With the output's size that the rest implies.
ConvolutionGeometry sized(ConvolutionGeometry g) {
  const auto size = [](std::int64_t in, std::int64_t pads, std::int64_t kernel,
                       std::int64_t dilation, std::int64_t stride) {
    return (in + pads - dilation * (kernel - 1) - 1) / stride + 1;
  };
  g.out_height = size(g.in_height, g.pad_top + g.pad_bottom, g.kernel_height, g.dilation_height,
                      g.stride_height);
  g.out_width =
      size(g.in_width, g.pad_left + g.pad_right, g.kernel_width, g.dilation_width, g.stride_width);
  return g;
}

struct Case {
  std::string name;
  ConvolutionGeometry geometry;
};

ConvolutionGeometry geometry(std::int64_t rows, std::int64_t height, std::int64_t width,
                             std::int64_t in, std::int64_t out, std::int64_t kernel_height,
                             std::int64_t kernel_width) {
  return {.rows = rows,
          .in_height = height,
          .in_width = width,
          .in_channels = in,
          .out_height = 0,
          .out_width = 0,
          .out_channels = out,
          .kernel_height = kernel_height,
          .kernel_width = kernel_width};
}

ConvolutionGeometry padded(ConvolutionGeometry g, std::int64_t pad) {
  g.pad_top = g.pad_bottom = g.pad_left = g.pad_right = pad;
  return g;
}

ConvolutionGeometry strided(ConvolutionGeometry g, std::int64_t stride) {
  g.stride_height = g.stride_width = stride;
  return g;
}

ConvolutionGeometry dilated(ConvolutionGeometry g, std::int64_t dilation) {
  g.dilation_height = g.dilation_width = dilation;
  return g;
}

ConvolutionGeometry grouped(ConvolutionGeometry g, std::int64_t groups) {
  g.groups = groups;
  return g;
}

std::vector<Case> cases() {
  auto lopsided = geometry(2, 6, 5, 3, 4, 3, 2);
  lopsided.pad_top = 2;
  lopsided.pad_right = 1;
  lopsided.stride_width = 2;
  lopsided.dilation_height = 2;
  return {
      {"one pixel", geometry(1, 1, 1, 1, 1, 1, 1)},
      {"1 x 1", geometry(2, 5, 3, 7, 18, 1, 1)},
      {"3 x 3 with padding", padded(geometry(2, 7, 6, 5, 17, 3, 3), 1)},
      {"kernel larger than the image", padded(geometry(3, 2, 3, 4, 5, 5, 7), 3)},
      {"stride beyond the kernel", strided(geometry(2, 9, 11, 3, 6, 2, 2), 3)},
      {"stride with padding", strided(padded(geometry(1, 8, 9, 3, 20, 3, 3), 1), 2)},
      {"dilation", dilated(padded(geometry(2, 9, 8, 3, 5, 3, 3), 2), 2)},
      {"one-dimensional", geometry(2, 1, 30, 4, 6, 1, 5)},
      {"lopsided", lopsided},
      {"groups", grouped(padded(geometry(2, 5, 6, 6, 9, 3, 3), 1), 3)},
      {"a patch of several runs", padded(geometry(2, 5, 5, 61, 7, 3, 3), 1)},
      {"positions of several runs and blocks", padded(geometry(3, 24, 23, 2, 3, 3, 3), 1)},
      {"depthwise", grouped(padded(geometry(2, 7, 6, 19, 19, 3, 3), 1), 19)},
      {"depthwise, strided, dilated",
       grouped(dilated(strided(padded(geometry(2, 20, 21, 16, 16, 3, 3), 3), 2), 2), 16)},
      {"depthwise with two outputs a channel", grouped(geometry(2, 5, 4, 3, 6, 2, 2), 3)},
  };
}

std::int64_t in_elements(const ConvolutionGeometry& g) {
  return g.rows * g.in_height * g.in_width * g.in_channels;
}
std::int64_t out_elements(const ConvolutionGeometry& g) {
  return g.rows * g.out_height * g.out_width * g.out_channels;
}
std::int64_t weight_elements(const ConvolutionGeometry& g) {
  return g.out_channels * g.kernel_height * g.kernel_width * g.in_channels / g.groups;
}

/// Calls term(index in y, index in weight, index in x) for every product of the convolution.
template <class Term>
void for_each_product(const ConvolutionGeometry& g, Term term) {
  const std::int64_t in_group = g.in_channels / g.groups, out_group = g.out_channels / g.groups;
  for (std::int64_t y = 0; y < out_elements(g); ++y) {
    const std::int64_t o = y % g.out_channels, ox = y / g.out_channels % g.out_width;
    const std::int64_t oy = y / g.out_channels / g.out_width % g.out_height;
    const std::int64_t row = y / g.out_channels / g.out_width / g.out_height;
    for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
      for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
        const std::int64_t iy = oy * g.stride_height - g.pad_top + ky * g.dilation_height;
        const std::int64_t ix = ox * g.stride_width - g.pad_left + kx * g.dilation_width;
        if (iy < 0 || iy >= g.in_height || ix < 0 || ix >= g.in_width) continue;
        for (std::int64_t i = 0; i < in_group; ++i) {
          term(y, ((o * g.kernel_height + ky) * g.kernel_width + kx) * in_group + i,
               ((row * g.in_height + iy) * g.in_width + ix) * g.in_channels +
                   o / out_group * in_group + i);
        }
      }
    }
  }
}

std::vector<float> zeros(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count));
}

}  // namespace

TEST_CASE("Convolution: a small image comes out as worked by hand") {
  const auto g = sized(geometry(1, 3, 3, 1, 1, 2, 2));
  const Bytes x = floats({1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Bytes weight = floats({1, 2, 3, -1});
  CHECK(run_for_floats(Convolution{g}, {x, weight, floats({1})}, 4) ==
        std::vector<float>{13, 18, 28, 33});
  const Bytes dy = floats({1, 0, 0, 2});
  CHECK(run_for_floats(ConvolutionBackwardData{g}, {dy, weight}, 9) ==
        std::vector<float>{1, 2, 0, 3, 1, 4, 0, 6, -2});
  const auto gradients = run_on_every_isa(ConvolutionBackwardWeights{g}, {x, dy}, {16, 4});
  CHECK(values_of<float>(gradients[0]) == std::vector<float>{11, 14, 20, 23});
  CHECK(values_of<float>(gradients[1]) == std::vector<float>{3});
}

TEST_CASE("Convolution: every geometry gives the sums of its definition") {
  for (const Case& tried : cases()) {
    CAPTURE(tried.name);
    const auto g = sized(tried.geometry);
    const auto x = whole_floats(in_elements(g), 1), weight = whole_floats(weight_elements(g), 2);
    const auto bias = whole_floats(g.out_channels, 3), dy = whole_floats(out_elements(g), 4);
    auto y = zeros(out_elements(g)), dx = zeros(in_elements(g));
    auto dweight = zeros(weight_elements(g)), dbias = zeros(g.out_channels);
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = bias[i % bias.size()];
      dbias[i % bias.size()] += dy[i];
    }
    for_each_product(g, [&](std::int64_t out, std::int64_t w, std::int64_t in) {
      y[out] += weight[w] * x[in];
      dx[in] += weight[w] * dy[out];
      dweight[w] += x[in] * dy[out];
    });

    CHECK(run_for_floats(Convolution{g}, {floats(x), floats(weight), floats(bias)},
                         out_elements(g)) == y);
    CHECK(run_for_floats(ConvolutionBackwardData{g}, {floats(dy), floats(weight)},
                         in_elements(g)) == dx);
    const auto gradients =
        run_on_every_isa(ConvolutionBackwardWeights{g}, {floats(x), floats(dy)},
                         {dweight.size() * sizeof(float), dbias.size() * sizeof(float)});
    CHECK(values_of<float>(gradients[0]) == dweight);
    CHECK(values_of<float>(gradients[1]) == dbias);
    for (float& value : y) value = value > 0.0F ? value : 0.0F;
    CHECK(run_for_floats(Convolution{g, true, Activation::relu},
                         {floats(x), floats(weight), floats(bias)}, out_elements(g)) == y);
  }
}

TEST_CASE("Convolution: every geometry has the same bits on every instruction set (JOB-6)") {
  for (const Case& tried : cases()) {
    CAPTURE(tried.name);
    const auto g = sized(tried.geometry);
    const Bytes x = floats(random_floats(in_elements(g), 5));
    const Bytes weight = floats(random_floats(weight_elements(g), 6));
    const Bytes dy = floats(random_floats(out_elements(g), 7));
    run_for_floats(Convolution{g, false}, {x, weight}, out_elements(g));
    run_for_floats(ConvolutionBackwardData{g}, {dy, weight}, in_elements(g));
    run_for_floats(ConvolutionBackwardWeights{g, false}, {x, dy}, weight_elements(g));
  }
}

TEST_CASE("Convolution: a row has the same bits whatever the other rows are (JOB-6)") {
  for (const Case& tried : cases()) {
    CAPTURE(tried.name);
    auto g = sized(tried.geometry);
    const auto x = random_floats(in_elements(g), 8);
    const Bytes weight = floats(random_floats(weight_elements(g), 9));
    const auto all = run_for_floats(Convolution{g, false}, {floats(x), weight}, out_elements(g));
    const std::int64_t last = g.rows - 1;
    g.rows = 1;
    const std::vector<float> row(x.begin() + last * in_elements(g), x.end());
    const auto y = run_for_floats(Convolution{g, false}, {floats(row), weight}, out_elements(g));
    const std::vector<float> expected(all.begin() + last * out_elements(g), all.end());
    CHECK((floats(y) == floats(expected)));
  }
}

TEST_CASE("Convolution: other activations are applied after the bias") {
  for (const std::int64_t groups : {1, 2}) {
    const auto g = sized(grouped(geometry(1, 1, 2, 2, 2, 1, 1), groups));
    const Bytes weight = floats(std::vector<float>(static_cast<std::size_t>(4 / groups), 0.0F));
    const auto y = run_for_floats(Convolution{g, true, Activation::sigmoid},
                                  {floats({1, 2, 3, 4}), weight, floats({0, 100})}, 4);
    CHECK(y == std::vector<float>{0.5F, 1.0F, 0.5F, 1.0F});
  }
}

TEST_CASE("Convolution: groups that do not divide the channels are refused") {
  const auto g = sized(grouped(geometry(1, 4, 4, 6, 4, 3, 3), 3));
  CHECK_THROWS_WITH_AS(
      reference::make_contraction(Convolution{g}),
      "convolution: expected channels in multiples of 3 groups, got 6 in and 4 out", Error);
  CHECK_THROWS_AS(reference::make_contraction(ConvolutionBackwardData{g}), Error);
  CHECK_THROWS_AS(reference::make_contraction(ConvolutionBackwardWeights{g}), Error);
  CHECK_THROWS_AS(reference::make_contraction(Convolution{strided(sized(padded(g, 1)), 0)}), Error);
}
