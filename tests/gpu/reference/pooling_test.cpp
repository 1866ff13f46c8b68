#include "gpu/reference/pooling.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/reference/on_every_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::test;

namespace {

ConvolutionGeometry pooling(std::int64_t rows, std::int64_t size, std::int64_t channels,
                            std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const std::int64_t out = (size + 2 * pad - kernel) / stride + 1;
  return {.rows = rows,
          .in_height = size,
          .in_width = size,
          .in_channels = channels,
          .out_height = out,
          .out_width = out,
          .out_channels = channels,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .stride_height = stride,
          .stride_width = stride,
          .pad_top = pad,
          .pad_bottom = pad,
          .pad_left = pad,
          .pad_right = pad};
}

std::size_t out_bytes(const ConvolutionGeometry& g) {
  return static_cast<std::size_t>(g.rows * g.out_height * g.out_width * g.out_channels) * 4;
}
std::int64_t in_elements(const ConvolutionGeometry& g) {
  return g.rows * g.in_height * g.in_width * g.in_channels;
}

}  // namespace

TEST_CASE("Pool: maxima and their gradients come out as worked by hand") {
  const auto g = pooling(1, 3, 1, 2, 1, 0);
  const Bytes x = floats({1, 5, 2, 5, 3, 7, 0, 4, 7});
  const Pool pool{PoolKind::max, g};
  REQUIRE(reference::contraction_workspace_bytes(pool) == 16);
  const auto outputs = run_on_every_isa(pool, {x}, {16, 16});
  CHECK(values_of<float>(outputs[0]) == std::vector<float>{5, 7, 5, 7});
  CHECK(values_of<std::int32_t>(outputs[1]) == std::vector<std::int32_t>{1, 3, 0, 1});
  CHECK(run_for_floats(PoolBackward{PoolKind::max, g}, {floats({1, 2, 3, 4}), outputs[1]}, 9) ==
        std::vector<float>{0, 1, 0, 3, 0, 6, 0, 0, 0});
}

TEST_CASE("Pool: inference gives the maxima of training, without a workspace") {
  const auto g = pooling(2, 9, 19, 3, 2, 1);
  const Bytes x = floats(random_floats(in_elements(g), 1));
  const Pool inference{PoolKind::max, g, false};
  CHECK(reference::contraction_workspace_bytes(inference) == 0);
  const auto trained = run_on_every_isa(Pool{PoolKind::max, g}, {x}, {out_bytes(g), out_bytes(g)});
  CHECK((run_on_every_isa(inference, {x}, {out_bytes(g)})[0] == trained[0]));
}

TEST_CASE("Pool: padding never wins a maximum") {
  const auto g = pooling(1, 2, 1, 3, 1, 1);
  const auto outputs =
      run_on_every_isa(Pool{PoolKind::max, g}, {floats({-4, -3, -2, -1})}, {16, 16});
  CHECK(values_of<float>(outputs[0]) == std::vector<float>{-1, -1, -1, -1});
  CHECK(values_of<std::int32_t>(outputs[1]) == std::vector<std::int32_t>{8, 7, 5, 4});
}

TEST_CASE("Pool: padding is not counted in an average") {
  const auto g = pooling(1, 2, 1, 3, 2, 1);
  REQUIRE(g.out_height == 1);
  CHECK(run_for_floats(Pool{PoolKind::average, g}, {floats({1, 2, 3, 6})}, 1) ==
        std::vector<float>{3});
  CHECK(run_for_floats(PoolBackward{PoolKind::average, g}, {floats({8})}, 4) ==
        std::vector<float>{2, 2, 2, 2});
  CHECK(reference::contraction_workspace_bytes(Pool{PoolKind::average, g}) == 0);
  CHECK(reference::contraction_workspace_bytes(PoolBackward{PoolKind::average, g}) == 0);
}

TEST_CASE("Pool: overlapping windows add their gradients") {
  const auto g = pooling(1, 3, 1, 2, 1, 0);
  CHECK(run_for_floats(PoolBackward{PoolKind::average, g}, {floats({4, 8, 12, 16})}, 9) ==
        std::vector<float>{1, 3, 2, 4, 10, 6, 3, 7, 4});
}

TEST_CASE("Pool: a window of padding alone gives 0 and passes no gradient") {
  auto g = pooling(1, 1, 1, 1, 1, 0);
  g.out_height = g.out_width = 2;  // the second line and column lie outside
  const auto outputs = run_on_every_isa(Pool{PoolKind::max, g}, {floats({-3})}, {16, 16});
  CHECK(values_of<float>(outputs[0]) == std::vector<float>{-3, 0, 0, 0});
  CHECK(values_of<std::int32_t>(outputs[1]) == std::vector<std::int32_t>{0, -1, -1, -1});
  const Bytes dy = floats({1, 2, 3, 4});
  CHECK(run_for_floats(PoolBackward{PoolKind::max, g}, {dy, outputs[1]}, 1)[0] == 1.0F);
  CHECK(run_for_floats(Pool{PoolKind::average, g}, {floats({-3})}, 4) ==
        std::vector<float>{-3, 0, 0, 0});
  CHECK(run_for_floats(PoolBackward{PoolKind::average, g}, {dy}, 1)[0] == 1.0F);
}

TEST_CASE("Pool: a NaN wins a maximum") {
  const auto g = pooling(1, 2, 1, 2, 1, 0);
  const Pool pool{PoolKind::max, g, false};
  CHECK(std::isnan(run_for_floats(pool, {floats({1, std::nanf(""), 3, 2})}, 1)[0]));
}

TEST_CASE("Pool: odd sizes have the same bits on every instruction set (JOB-6)") {
  for (const auto& g : {pooling(2, 9, 19, 3, 2, 1), pooling(3, 7, 33, 2, 3, 0),
                        pooling(1, 2, 5, 5, 1, 2), pooling(2, 6, 16, 6, 6, 0)}) {
    const Bytes x = floats(random_floats(in_elements(g), 2));
    const Bytes dy = floats(random_floats(static_cast<std::int64_t>(out_bytes(g) / 4), 3));
    const auto maxima = run_on_every_isa(Pool{PoolKind::max, g}, {x}, {out_bytes(g), out_bytes(g)});
    run_for_floats(PoolBackward{PoolKind::max, g}, {dy, maxima[1]}, in_elements(g));
    run_on_every_isa(Pool{PoolKind::average, g}, {x}, {out_bytes(g)});
    run_for_floats(PoolBackward{PoolKind::average, g}, {dy}, in_elements(g));
  }
}

TEST_CASE("Pool: a geometry that is not one of pooling is refused") {
  auto g = pooling(1, 4, 2, 2, 2, 0);
  g.out_channels = 4;
  CHECK_THROWS_AS(reference::make_contraction(Pool{PoolKind::max, g}), Error);
  g = pooling(1, 4, 2, 2, 2, 0);
  g.dilation_width = 2;
  CHECK_THROWS_AS(reference::make_contraction(PoolBackward{PoolKind::average, g}), Error);
}
