#include "serialization/state_hash.hpp"

#include "runtime/base/error.hpp"

using namespace troupe::serialization;
using troupe::Error;
using troupe::gpu::DType;
using troupe::gpu::Shape;

namespace {

constexpr std::array<std::uint8_t, 3> bytes = {1, 2, 3};
constexpr std::array<float, 2> floats = {1.0F, -0.0F};
constexpr std::int64_t number = -7;

std::vector<NamedTensorView> tensors() {
  return {{"b", DType::f32, Shape{1, 2}, std::as_bytes(std::span{floats})},
          {"a", DType::u8, Shape{3}, std::as_bytes(std::span{bytes})},
          {"ba", DType::i64, Shape{}, std::as_bytes(std::span{&number, 1})}};
}

}  // namespace

TEST_CASE("state_hash: is SHA-256 over JOB-8's bytes, worked out independently (JOB-8)") {
  // Python: def t(name, dtype, dims, data):
  //           return pack('<I', len(name)) + name + pack('<BB', dtype, len(dims)) +
  //                  b''.join(pack('<Q', d) for d in dims) + data
  //         sha256(t(b'a', 5, [3], bytes([1, 2, 3])) + t(b'b', 1, [1, 2], pack('<ff', 1.0, -0.0)) +
  //                t(b'ba', 4, [], pack('<q', -7)) + pack('<Q', 258)).hexdigest()
  CHECK(to_hex(state_hash(tensors(), 258)) ==
        "6a85bd3e9ba01e3471aa0be1079f339d498cd142466656d9bb5ead14eaddb571");
  constexpr std::array<std::byte, 8> step_alone{};
  CHECK(state_hash({}, 0) == sha256(step_alone));
}

TEST_CASE("state_hash: the order of the tensors does not matter, everything else does (JOB-8)") {
  const auto given = tensors();
  const auto hash = state_hash(given, 258);
  auto other = given;
  std::ranges::reverse(other);
  CHECK(state_hash(other, 258) == hash);
  CHECK(state_hash(given, 259) != hash);
  other[0].name = "bb";
  CHECK(state_hash(other, 258) != hash);
  other = given;
  other[0].shape = Shape{2};
  CHECK(state_hash(other, 258) != hash);
  other = given;
  other[0].dtype = DType::i32;
  CHECK(state_hash(other, 258) != hash);
  other = given;
  constexpr std::array<float, 2> positive = {1.0F, 0.0F};
  other[0].bytes = std::as_bytes(std::span{positive});
  CHECK(state_hash(other, 258) != hash);
}

TEST_CASE("state_hash: refuses two tensors of one name, and bytes that do not fit") {
  auto twice = tensors();
  twice[2].name = "b";
  CHECK_THROWS_WITH_AS(state_hash(twice, 0), "tensor b: expected one of that name, got two", Error);
  auto wrong = tensors();
  wrong[0].shape = Shape{3};
  CHECK_THROWS_WITH_AS(state_hash(wrong, 0),
                       "tensor b: expected 3 elements of f32 as in [3], got 8 bytes", Error);
  wrong[0].shape = Shape{std::int64_t{1} << 62, 1};  // times 4 it is 0 modulo 2^64
  wrong[0].bytes = {};
  CHECK_THROWS_AS(state_hash(wrong, 0), Error);
}
