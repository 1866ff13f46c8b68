#include "gpu/reference/dropout_kernels.hpp"

#include <cstdint>
#include <vector>

#include "runtime/base/float_environment.hpp"
#include "runtime/base/random.hpp"
#include "tests/gpu/reference/each_isa.hpp"

using namespace troupe;

TEST_CASE("DropoutTable: drops where the draw of position, layer and element says so (JOB-3)") {
  const FloatEnvironment environment;
  constexpr std::uint64_t seed = 0x123456789abcdef0;
  constexpr std::uint64_t position = 0xffffffff;  // the second row carries into the high word
  constexpr std::uint32_t layer = 0xabcdef;
  constexpr float rate = 0.3F;
  constexpr std::int64_t rows = 3;
  for (const auto* table : TROUPE_EACH_ISA(dropout_table)) {
    for (const std::int64_t width : {1, 3, 67, 1024, 2049}) {
      std::vector<float> x(static_cast<std::size_t>(rows * width));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) + 1.0F;
      std::vector<float> y = x;
      table->dropout(y.data(), y.data(), rows, width, rate, seed, position, layer);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::uint32_t bits =
            draw_bits(seed, position + i / static_cast<std::size_t>(width), Purpose::dropout, layer,
                      i % static_cast<std::size_t>(width));
        const float want = uniform(bits) < rate ? 0.0F : x[i] * (1.0F / (1.0F - rate));
        if (y[i] != want) FAIL("element ", i, " of width ", width);
      }
    }
  }
}

TEST_CASE("DropoutTable: a rate of 0 keeps all") {
  for (const auto* table : TROUPE_EACH_ISA(dropout_table)) {
    const std::vector<float> x{1.0F, -2.0F, 3.0F};
    std::vector<float> y(3);
    table->dropout(x.data(), y.data(), 1, 3, 0.0F, 1, 2, 3);
    CHECK(y == x);
  }
}
