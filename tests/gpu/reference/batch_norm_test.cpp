#include "gpu/reference/batch_norm.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/reference/on_every_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::test;

namespace {

struct Normalised {
  std::vector<float> y, mean, variance;
  Bytes workspace;
  std::vector<double> moments;
};

Normalised normalise(const BatchNorm& norm, const std::vector<float>& x,
                     const std::vector<float>& scale, const std::vector<float>& shift) {
  const auto outputs =
      run_on_every_isa(norm, {floats(x), floats(scale), floats(shift)},
                       {x.size() * 4, scale.size() * 4, scale.size() * 4,
                        reference::contraction_workspace_bytes(norm), (1 + 2 * scale.size()) * 8});
  return {values_of<float>(outputs[0]), values_of<float>(outputs[1]), values_of<float>(outputs[2]),
          outputs[3], values_of<double>(outputs[4])};
}

}  // namespace

TEST_CASE("BatchNorm: values, statistics and moments come out as worked by hand (JOB-4)") {
  // Channel 0: 1, 3, 5, 7 has mean 4 and variance 5. Channel 1: 2, 2, -2, -2 has 0 and 4.
  const std::vector<float> x = {1, 2, 3, 2, 5, -2, 7, -2};
  const auto result = normalise({4, 2, 4.0F}, x, {3, 1}, {10, 0});  // deviations 3 and sqrt(8)
  CHECK(result.mean == std::vector<float>{4, 0});
  CHECK(result.variance == std::vector<float>{5, 4});
  CHECK(result.moments == std::vector<double>{4, 16, 0, 84, 16});
  CHECK(result.workspace.empty());
  const auto n = static_cast<float>(1.0 / std::sqrt(8.0));
  CHECK(result.y == std::vector<float>{7, 2 * n, 9, 2 * n, 11, -2 * n, 13, -2 * n});
}

TEST_CASE("BatchNorm: relu keeps in its workspace where the gradient passes") {
  const std::vector<float> x = {1, 3, 5, 7};
  const BatchNorm norm{4, 1, 4.0F, Activation::relu};
  REQUIRE(reference::contraction_workspace_bytes(norm) == 4);
  const auto result = normalise(norm, x, {3}, {0});
  CHECK(result.y == std::vector<float>{0, 0, 1, 3});
  CHECK(values_of<std::uint8_t>(result.workspace) == std::vector<std::uint8_t>{0, 0, 1, 1});
}

TEST_CASE("BatchNormBackward: gradients come out as worked by hand") {
  // x - mean: -3, -1, 1, 3. Σdy = 12, Σdy·(x - mean) = 20, deviation 3.
  const std::vector<float> x = {1, 3, 5, 7}, dy = {0, 2, 4, 6};
  const std::vector<Bytes> inputs = {floats(x),   floats(dy),  floats({3}),
                                     floats({4}), floats({5}), Bytes{}};
  const auto outputs = run_on_every_isa(BatchNormBackward{4, 1, 4.0F}, inputs, {16, 4, 4});
  const auto slope = static_cast<float>(20.0 / 36.0);
  CHECK(values_of<float>(outputs[0]) ==
        std::vector<float>{-3 + 3 * slope, -1 + slope, 1 - slope, 3 - 3 * slope});
  CHECK(values_of<float>(outputs[1]) == std::vector<float>{static_cast<float>(20.0 / 3.0)});
  CHECK(values_of<float>(outputs[2]) == std::vector<float>{12});
}

TEST_CASE("BatchNormBackward: relu passes the gradients that the workspace tells") {
  const std::int64_t count = 37, channels = 21;
  const auto x = random_floats(count * channels, 1), dy = random_floats(count * channels, 2);
  const auto scale = random_floats(channels, 3), shift = random_floats(channels, 4);
  const BatchNorm norm{count, channels, 1e-5F, Activation::relu};
  const auto forward = normalise(norm, x, scale, shift);
  auto passed = dy;
  for (std::size_t i = 0; i < dy.size(); ++i) passed[i] = forward.y[i] > 0.0F ? dy[i] : 0.0F;

  const std::vector<std::size_t> sizes = {x.size() * 4, scale.size() * 4, scale.size() * 4};
  const Bytes mean = floats(forward.mean), variance = floats(forward.variance);
  const auto with_relu = run_on_every_isa(
      BatchNormBackward{count, channels, 1e-5F, Activation::relu},
      {floats(x), floats(dy), floats(scale), mean, variance, forward.workspace}, sizes);
  const auto without =
      run_on_every_isa(BatchNormBackward{count, channels, 1e-5F},
                       {floats(x), floats(passed), floats(scale), mean, variance, Bytes{}}, sizes);
  CHECK((with_relu == without));
}

TEST_CASE("BatchNorm: the variance survives a mean that is far larger") {
  const auto result = normalise({2, 1, 0.0F}, {10000000, 10000002}, {1}, {0});
  CHECK(result.mean == std::vector<float>{10000001});
  CHECK(result.variance == std::vector<float>{1});
  CHECK(result.y == std::vector<float>{-1, 1});
}

TEST_CASE("BatchNorm: odd sizes have the same bits on every instruction set (JOB-6)") {
  for (const std::int64_t channels : {1, 15, 16, 33, 70}) {
    for (const std::int64_t count : {1, 2, 61}) {
      const auto x = random_floats(count * channels, 5), scale = random_floats(channels, 6);
      const auto forward = normalise({count, channels, 1e-3F}, x, scale, scale);
      const std::vector<Bytes> inputs = {floats(x),
                                         floats(random_floats(count * channels, 7)),
                                         floats(scale),
                                         floats(forward.mean),
                                         floats(forward.variance),
                                         Bytes{}};
      run_on_every_isa(BatchNormBackward{count, channels, 1e-3F}, inputs,
                       {x.size() * 4, scale.size() * 4, scale.size() * 4});
    }
  }
}

TEST_CASE("BatchNormInference: the running statistics are used as they are given") {
  const BatchNormInference norm{2, 2, 1.0F, Activation::relu};
  const auto y = run_for_floats(
      norm, {floats({5, 0, 1, 4}), floats({2, 1}), floats({1, 1}), floats({3, 2}), floats({3, 0})},
      4);
  CHECK(y == std::vector<float>{3, 0, 0, 3});
}

TEST_CASE("BatchNorm: in inference the shard's own statistics give the bits of training") {
  const std::int64_t count = 19, channels = 17;
  const auto x = random_floats(count * channels, 8), scale = random_floats(channels, 9);
  const auto trained = normalise({count, channels, 1e-5F}, x, scale, scale);
  const auto y = run_for_floats(
      BatchNormInference{count, channels, 1e-5F},
      {floats(x), floats(scale), floats(scale), floats(trained.mean), floats(trained.variance)},
      count * channels);
  CHECK((floats(y) == floats(trained.y)));
}

TEST_CASE("BatchNorm: an activation other than none and relu is refused") {
  CHECK_THROWS_WITH_AS(reference::make_contraction(BatchNorm{4, 2, 1e-5F, Activation::tanh}),
                       "batch norm: expected the activation none or relu, got tanh", Error);
  CHECK_THROWS_AS(reference::make_contraction(BatchNormInference{4, 0, 1e-5F}), Error);
}
