#include "gpu/reference/dense.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/gpu/reference/on_every_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::test;

namespace {

/// Products of `k` pairs, summed as gemm.hpp promises.
template <class Pair>
float sum_in_runs(std::int64_t k, Pair pair) {
  float sum = 0.0F;
  for (std::int64_t first = 0; first < k; first += 256) {
    float run = 0.0F;
    for (std::int64_t i = first; i < std::min(k, first + 256); ++i) run = run + pair(i);
    sum = first == 0 ? run : sum + run;
  }
  return sum;
}

struct Sizes {
  std::int64_t rows, in, out;
};
// One of each; remainders of panels; more than one block of every kind.
const std::vector<Sizes> sizes = {{1, 1, 1},    {3, 5, 7},     {8, 16, 32},    {9, 17, 33},
                                  {2, 256, 16}, {5, 257, 530}, {133, 600, 18}, {700, 3, 515}};

}  // namespace

TEST_CASE("Dense: small products come out as worked by hand") {
  const Bytes x = floats({1, 2, 3, 4, 5, 6});          // [2, 3]
  const Bytes weight = floats({1, 0, -1, 2, -3, -1});  // [2, 3]
  const Bytes bias = floats({10, 1});
  CHECK(run_for_floats(Dense{2, 3, 2}, {x, weight, bias}, 4) == std::vector<float>{8, -6, 8, -12});
  CHECK(run_for_floats(Dense{2, 3, 2, false}, {x, weight}, 4) ==
        std::vector<float>{-2, -7, -2, -13});
  CHECK(run_for_floats(Dense{2, 3, 2, true, Activation::relu}, {x, weight, bias}, 4) ==
        std::vector<float>{8, 0, 8, 0});
}

TEST_CASE("DenseBackwardData: a small product comes out as worked by hand") {
  const Bytes dy = floats({1, 2, -1, 3});              // [2, 2]
  const Bytes weight = floats({1, 0, -1, 2, -3, -1});  // [2, 3]
  CHECK(run_for_floats(DenseBackwardData{2, 3, 2}, {dy, weight}, 6) ==
        std::vector<float>{5, -6, -3, 5, -9, -2});
}

TEST_CASE("DenseBackwardWeights: a small product comes out as worked by hand") {
  const Bytes x = floats({1, 2, 3, 4, 5, 6});  // [2, 3]
  const Bytes dy = floats({1, 2, -1, 3});      // [2, 2]
  const auto with_bias = run_on_every_isa(DenseBackwardWeights{2, 3, 2}, {x, dy}, {24, 8});
  CHECK(values_of<float>(with_bias[0]) == std::vector<float>{-3, -3, -3, 14, 19, 24});
  CHECK(values_of<float>(with_bias[1]) == std::vector<float>{0, 5});
  CHECK(run_for_floats(DenseBackwardWeights{2, 3, 2, false}, {x, dy}, 6) ==
        std::vector<float>{-3, -3, -3, 14, 19, 24});
}

TEST_CASE("Dense: sums run in the promised order on every instruction set (JOB-6)") {
  for (const Sizes& size_of : sizes) {
    const std::int64_t rows = size_of.rows, in = size_of.in, out = size_of.out;
    CAPTURE(rows);
    CAPTURE(in);
    CAPTURE(out);
    const auto x = random_floats(rows * in, 1), weight = random_floats(out * in, 2);
    const auto bias = random_floats(out, 3), dy = random_floats(rows * out, 4);
    const FloatEnvironment environment;

    std::vector<float> y, dx, dweight, dbias;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t o = 0; o < out; ++o) {
        const auto pair = [&](std::int64_t i) { return x[r * in + i] * weight[o * in + i]; };
        y.push_back(sum_in_runs(in, pair) + bias[o]);
      }
      for (std::int64_t i = 0; i < in; ++i) {
        const auto pair = [&](std::int64_t o) { return dy[r * out + o] * weight[o * in + i]; };
        dx.push_back(sum_in_runs(out, pair));
      }
    }
    for (std::int64_t o = 0; o < out; ++o) {
      dbias.push_back(sum_in_runs(rows, [&](std::int64_t r) { return dy[r * out + o]; }));
      for (std::int64_t i = 0; i < in; ++i) {
        const auto pair = [&](std::int64_t r) { return dy[r * out + o] * x[r * in + i]; };
        dweight.push_back(sum_in_runs(rows, pair));
      }
    }

    const auto size = [](const std::vector<float>& values) {
      return values.size() * sizeof(float);
    };
    const auto forward = run_on_every_isa(Dense{rows, in, out},
                                          {floats(x), floats(weight), floats(bias)}, {size(y)});
    CHECK((forward[0] == floats(y)));
    const auto data = run_on_every_isa(DenseBackwardData{rows, in, out},
                                       {floats(dy), floats(weight)}, {size(dx)});
    CHECK((data[0] == floats(dx)));
    const auto weights = run_on_every_isa(DenseBackwardWeights{rows, in, out},
                                          {floats(x), floats(dy)}, {size(dweight), size(dbias)});
    CHECK((weights[0] == floats(dweight)));
    CHECK((weights[1] == floats(dbias)));
  }
}

TEST_CASE("Dense: a row has the same bits whatever the other rows are (JOB-6)") {
  const std::int64_t rows = 150, in = 300, out = 37;
  const auto x = random_floats(rows * in, 5), weight = random_floats(out * in, 6);
  const auto all =
      run_for_floats(Dense{rows, in, out, false}, {floats(x), floats(weight)}, rows * out);
  for (const std::int64_t row : {0, 1, 8, 131, 149}) {
    const std::vector<float> alone(x.begin() + row * in, x.begin() + (row + 1) * in);
    const auto y = run_for_floats(Dense{1, in, out, false}, {floats(alone), floats(weight)}, out);
    const std::vector<float> expected(all.begin() + row * out, all.begin() + (row + 1) * out);
    CHECK((floats(y) == floats(expected)));
  }
}

TEST_CASE("Dense: other activations are applied after the bias") {
  const auto y = run_for_floats(Dense{1, 1, 2, true, Activation::sigmoid},
                                {floats({1}), floats({1, -1}), floats({-1, 3})}, 2);
  CHECK(y[0] == 0.5F);
  CHECK(y[1] == doctest::Approx(1.0 / (1.0 + std::exp(-2.0))).epsilon(1e-6));
}

TEST_CASE("Dense: a NaN is not hidden by relu") {
  const auto y = run_for_floats(Dense{1, 1, 1, false, Activation::relu},
                                {floats({std::nanf("")}), floats({1})}, 1);
  CHECK(std::isnan(y[0]));
}

TEST_CASE("Dense: a size below 1 is refused") {
  CHECK_THROWS_WITH_AS(reference::make_contraction(Dense{4, 0, 2}),
                       "dense: expected sizes of at least 1, got 0", Error);
  CHECK_THROWS_AS(reference::make_contraction(DenseBackwardData{-1, 3, 2}), Error);
  CHECK_THROWS_AS(reference::make_contraction(DenseBackwardWeights{1, 3, 0}), Error);
}

TEST_CASE("make_contraction: operations of other kinds are left to others") {
  CHECK(reference::make_contraction(Zero{4}) == nullptr);
  CHECK(reference::make_contraction(Softmax{2, 3}) == nullptr);
  CHECK(reference::contraction_workspace_bytes(Zero{4}) == 0);
}
