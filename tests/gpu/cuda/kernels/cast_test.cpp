#include "gpu/cuda/kernels/cast.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/cuda/update_tables.hpp"
#include "gpu/tensor.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::gpu;
using namespace troupe::test::reference;
using troupe::gpu::cuda::CastRange;

TEST_CASE("CUDA cast_to_bf16: casts all ranges at once and leaves what lies between") {
  constexpr std::uint16_t untouched = 0xABCD;
  const std::vector<float> from = to_floats(random_values(10'000, 1, -3, 3));
  // Aligned and not, longer than one block takes, and of one element.
  const std::vector<CastRange> ranges = {
      {0, 16, 5000}, {5008, 5024, 1}, {5024, 5040, 999}, {7001, 6501, 2999}};
  const std::vector<CastRange> cut = cuda::cut_cast_ranges(ranges);
  REQUIRE(cut.size() == 7);
  std::vector<std::uint16_t> wanted(10'000, untouched), got = wanted;
  for (const CastRange& range : ranges) {
    for (std::int64_t i = 0; i < range.elements; ++i) {
      wanted[static_cast<std::size_t>(range.to + i)] =
          to_bf16(from[static_cast<std::size_t>(range.from + i)]);
    }
  }
  cuda::cast_to_bf16(nullptr, cut.data(), cut.size(), from.data(), got.data());
  CHECK(got == wanted);
  got.assign(10'000, untouched);
  cuda::cast_to_bf16(nullptr, ranges.data(), ranges.size(), from.data(), got.data());
  CHECK(got == wanted);
}
