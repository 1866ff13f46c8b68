#include "gpu/reference/layer_norm.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/reference/on_every_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::test;

TEST_CASE("LayerNorm: a row comes out as worked by hand") {
  // 1, 3, 5, 7 has mean 4 and variance 5; with epsilon 11 the deviation is 4.
  const auto outputs = run_on_every_isa(
      LayerNorm{2, 4, 11.0F},
      {floats({1, 3, 5, 7, 2, 2, 2, 2}), floats({4, 4, 8, 1}), floats({0, 1, 0, 0})}, {32, 8, 8});
  CHECK(values_of<float>(outputs[0]) == std::vector<float>{-3, 0, 2, 0.75F, 0, 1, 0, 0});
  CHECK(values_of<float>(outputs[1]) == std::vector<float>{4, 2});
  CHECK(values_of<float>(outputs[2]) ==
        std::vector<float>{0.25F, static_cast<float>(1.0 / std::sqrt(11.0))});
}

TEST_CASE("LayerNormBackward: gradients come out as worked by hand") {
  // n: -0.75, -0.25, 0.25, 0.75 and g = dy · scale: 0, 4, 8, 4, so mean of g = 4, mean of g·n = 1.
  const auto outputs = run_on_every_isa(LayerNormBackward{1, 4, 11.0F},
                                        {floats({1, 3, 5, 7}), floats({0, 2, 4, 1}),
                                         floats({3, 2, 2, 4}), floats({4}), floats({0.25F})},
                                        {16, 16, 16});
  CHECK(values_of<float>(outputs[0]) == std::vector<float>{-0.8125F, 0.0625F, 0.9375F, -0.1875F});
  CHECK(values_of<float>(outputs[1]) == std::vector<float>{0, -0.5F, 1, 0.75F});
  CHECK(values_of<float>(outputs[2]) == std::vector<float>{0, 2, 4, 1});
}

TEST_CASE("LayerNormBackward: gradients of parameters are sums over rows") {
  const auto outputs = run_on_every_isa(
      LayerNormBackward{2, 2, 0.0F},
      {floats({1, 3, 6, 4}), floats({5, 7, 2, 1}), floats({1, 1}), floats({2, 5}), floats({1, 1})},
      {16, 8, 8});
  CHECK(values_of<float>(outputs[1]) == std::vector<float>{-3, 6});
  CHECK(values_of<float>(outputs[2]) == std::vector<float>{7, 8});
}

TEST_CASE("LayerNorm: lanes beyond the end of a row do not count") {
  for (const std::int64_t width : {1, 15, 16, 17, 100}) {
    CAPTURE(width);
    const std::vector<float> x(static_cast<std::size_t>(width), 3.0F), ones(x.size(), 1.0F);
    const auto outputs = run_on_every_isa(
        LayerNorm{1, width, 4.0F}, {floats(x), floats(ones), floats(ones)}, {x.size() * 4, 4, 4});
    CHECK(values_of<float>(outputs[0]) == ones);
    CHECK(values_of<float>(outputs[1]) == std::vector<float>{3});
    CHECK(values_of<float>(outputs[2]) == std::vector<float>{0.5F});
  }
}

TEST_CASE("LayerNorm: odd sizes have the same bits on every instruction set (JOB-6)") {
  for (const std::int64_t width : {1, 15, 33, 130}) {
    for (const std::int64_t rows : {1, 7}) {
      const Bytes x = floats(random_floats(rows * width, 1));
      const Bytes dy = floats(random_floats(rows * width, 2));
      const Bytes scale = floats(random_floats(width, 3)), shift = floats(random_floats(width, 4));
      const std::size_t row_bytes = static_cast<std::size_t>(rows) * 4;
      const auto forward = run_on_every_isa(LayerNorm{rows, width, 1e-5F}, {x, scale, shift},
                                            {x.size(), row_bytes, row_bytes});
      run_on_every_isa(LayerNormBackward{rows, width, 1e-5F},
                       {x, dy, scale, forward[1], forward[2]},
                       {x.size(), scale.size(), scale.size()});
    }
  }
}

TEST_CASE("LayerNorm: a row has the same bits whatever the other rows are (JOB-6)") {
  const std::int64_t width = 77;
  const auto x = random_floats(5 * width, 5);
  const Bytes scale = floats(random_floats(width, 6)), shift = floats(random_floats(width, 7));
  const auto all = run_on_every_isa(LayerNorm{5, width, 1e-5F}, {floats(x), scale, shift},
                                    {x.size() * 4, 20, 20});
  const std::vector<float> last(x.end() - width, x.end());
  const auto alone = run_on_every_isa(LayerNorm{1, width, 1e-5F}, {floats(last), scale, shift},
                                      {last.size() * 4, 4, 4});
  CHECK((Bytes(all[0].end() - width * 4, all[0].end()) == alone[0]));
}

TEST_CASE("LayerNorm: a size below 1 is refused") {
  CHECK_THROWS_AS(reference::make_contraction(LayerNorm{1, 0, 1e-5F}), Error);
  CHECK_THROWS_AS(reference::make_contraction(LayerNormBackward{0, 1, 1e-5F}), Error);
}
