#include "gpu/reference/softmax_kernels.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "runtime/base/float_environment.hpp"
#include "tests/gpu/reference/each_isa.hpp"

using namespace troupe;

namespace {

std::vector<float> waves(std::int64_t count, float height) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = height * std::sin(static_cast<float>(i * i % 977));
  }
  return values;
}

}  // namespace

TEST_CASE(
    "SoftmaxTable: exponentials over their sum, and its derivative, in place, with one's bits on "
    "every "
    "instruction set (JOB-6)") {
  const FloatEnvironment environment;
  constexpr std::int64_t rows = 3;
  for (const std::int64_t width : {1, 2, 10, 16, 33, 256, 700}) {
    const std::vector<float> x = waves(rows * width, 30.0F), dy = waves(rows * width, 1.0F);
    std::vector<float> first_y, first_dx;
    for (const auto* table : TROUPE_EACH_ISA(softmax_table)) {
      std::vector<float> y = x, dx = dy;
      table->forward(y.data(), y.data(), rows, width);
      table->backward(y.data(), dx.data(), dx.data(), rows, width);
      if (first_y.empty()) {
        first_y = y;
        first_dx = dx;
      }
      CHECK(std::memcmp(y.data(), first_y.data(), y.size() * sizeof(float)) == 0);
      CHECK(std::memcmp(dx.data(), first_dx.data(), dx.size() * sizeof(float)) == 0);
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t begin = row * width;
      const auto at = [begin](const std::vector<float>& values, std::int64_t i) {
        return static_cast<double>(values[static_cast<std::size_t>(begin + i)]);
      };
      double most = at(x, 0), sum = 0.0, dot = 0.0;
      for (std::int64_t i = 0; i < width; ++i) most = std::max(most, at(x, i));
      for (std::int64_t i = 0; i < width; ++i) sum += std::exp(at(x, i) - most);
      for (std::int64_t i = 0; i < width; ++i) dot += at(first_y, i) * at(dy, i);
      for (std::int64_t i = 0; i < width; ++i) {
        // Two roundings to f32: 2^-23 in all.
        const double y = std::exp(at(x, i) - most) / sum;
        CHECK(std::fabs(at(first_y, i) - y) <= y * 0x1p-23 + 1e-37);
        const double dx = at(first_y, i) * (at(dy, i) - dot);
        CHECK(std::fabs(at(first_dx, i) - dx) <= std::fabs(dx) * 0x1p-23 + 1e-15);
      }
    }
  }
}

TEST_CASE(
    "SoftmaxTable: large values do not overflow, NaN and infinity spread over their row alone") {
  const FloatEnvironment environment;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const auto* table : TROUPE_EACH_ISA(softmax_table)) {
    std::vector<float> x{3e38F, 3e38F,         -3e38F, infinity,  0.0F, 1.0F,
                         1.0F,  std::nanf(""), 0.0F,   -infinity, 0.0F, 0.0F};
    table->forward(x.data(), x.data(), 4, 3);
    CHECK(x[0] == 0.5F);
    CHECK(x[2] == 0.0F);
    for (std::size_t i = 3; i < 9; ++i) CHECK((std::isnan(x[i]) || (i == 4 || i == 5)));
    CHECK(x[9] == 0.0F);
    CHECK(x[10] == 0.5F);
  }
}
