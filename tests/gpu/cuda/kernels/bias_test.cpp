#include "gpu/cuda/kernels/bias.hpp"

#include <cstddef>
#include <vector>

#include "gpu/tensor.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::gpu;
using namespace troupe::test::reference;

TEST_CASE("CUDA add_bias: adds to each row, then lets through what is above zero") {
  for (const std::size_t columns : {1U, 3U, 8U, 17U, 64U}) {
    constexpr std::size_t rows = 5;
    const std::vector<float> y = to_floats(random_values(rows * columns, columns));
    const std::vector<float> bias = to_floats(random_values(columns, 99));
    for (const bool relu : {false, true}) {
      std::vector<float> wide = y;
      std::vector<std::uint16_t> narrow;
      for (const float value : y) narrow.push_back(to_bf16(value));
      cuda::add_bias(nullptr, DType::f32, wide.data(), bias.data(), rows, columns, relu);
      cuda::add_bias(nullptr, DType::bf16, narrow.data(), bias.data(), rows, columns, relu);
      for (std::size_t i = 0; i < y.size(); ++i) {
        CAPTURE(i);
        const auto sum = [&](float value) {
          const float all = value + bias[i % columns];
          return relu && all <= 0.0F ? 0.0F : all;
        };
        CHECK(wide[i] == sum(y[i]));
        CHECK(narrow[i] == to_bf16(sum(from_bf16(to_bf16(y[i])))));
      }
    }
  }
}
