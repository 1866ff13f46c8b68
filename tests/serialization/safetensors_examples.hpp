#pragma once
// Tensors of all types, with numbers whose bits are easily lost.

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "serialization/safetensors.hpp"
#include "tests/support/doctest_std.hpp"

namespace troupe::test {

using gpu::DType;
using gpu::Shape;
using serialization::NamedTensorView;

inline constexpr std::array<float, 6> floats = {
    std::numeric_limits<float>::infinity(),   -0.0F, 1.0F / 3.0F,
    std::numeric_limits<float>::denorm_min(), -2.5F, 1e30F};
inline constexpr std::array<std::uint16_t, 3> bf16 = {0x7FC1, 0x8000, 0x3F80};  // a NaN, -0, 1
inline constexpr std::array<std::int32_t, 2> ints = {-1, 1 << 30};
inline constexpr std::array<std::int64_t, 1> longs = {std::numeric_limits<std::int64_t>::min()};
inline constexpr std::array<std::uint8_t, 5> octets = {0, 1, 127, 128, 255};
inline constexpr std::array<double, 2> doubles = {-0.0, 1.0 / 3.0};

inline std::vector<NamedTensorView> all_types() {
  return {{"w", DType::f32, Shape{2, 3}, std::as_bytes(std::span{floats})},
          {"half", DType::bf16, Shape{3}, std::as_bytes(std::span{bf16})},
          {"odd \"name\"\n\u00e9", DType::i32, Shape{1, 2, 1}, std::as_bytes(std::span{ints})},
          {"scalar", DType::i64, Shape{}, std::as_bytes(std::span{longs})},
          {"empty", DType::f32, Shape{0, 4}, {}},
          {"bytes", DType::u8, Shape{5}, std::as_bytes(std::span{octets})},
          {"sums", DType::f64, Shape{2}, std::as_bytes(std::span{doubles})}};
}

inline void check_same(std::span<const NamedTensorView> given,
                       const serialization::Safetensors& read) {
  REQUIRE(read.tensors().size() == given.size());
  for (const NamedTensorView& tensor : given) {
    const NamedTensorView* const found = read.find(tensor.name);
    REQUIRE(found != nullptr);
    CHECK(found->dtype == tensor.dtype);
    CHECK(found->shape == tensor.shape);
    CHECK(std::ranges::equal(found->bytes, tensor.bytes));
  }
}

}  // namespace troupe::test
