#include "tests/reference/structure.hpp"

#include <array>

using namespace troupe::test::reference;

TEST_CASE("Reference structure: sums, copies and casts worked by hand") {
  const std::array<Values, 3> inputs = {Values{1, -5}, Values{2, 1}, Values{3, 1}};
  CHECK(add({2, 3, troupe::gpu::Activation::relu}, inputs) == Values{6, 0});
  CHECK(cast_scale({troupe::gpu::DType::u8, 2, 0.5F, -1.0F}, {0, 4}) == Values{-1, 1});

  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
  };
  CHECK(strided_copy({2, 2, 3, 4}, bytes({1, 2, 3, 4, 5}), bytes({9, 9, 9, 9, 9, 9})) ==
        bytes({1, 2, 9, 9, 4, 5}));
}
