#include "gpu/shape.hpp"

#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::gpu::Shape;

TEST_CASE("Shape: counts its elements and prints itself") {
  CHECK(Shape{}.elements() == 1);
  CHECK(Shape{3, 0, 5}.elements() == 0);
  CHECK(to_string(Shape{32, 28, 28, 1}) == "[32, 28, 28, 1]");
  CHECK(Shape{28, 28}.with_rows(4) == Shape{4, 28, 28});
  CHECK(Shape{4, 28, 28}.without_rows() == Shape{28, 28});
}

TEST_CASE("Shape: refuses what no tensor can have") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), "shape: expected dimensions of 0 or more, got -1", Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS((Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
  CHECK_THROWS_AS((Shape{0, std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
}
