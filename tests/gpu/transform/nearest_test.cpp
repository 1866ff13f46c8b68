#include "gpu/transform/nearest.hpp"

using troupe::gpu::nearest;

TEST_CASE("nearest: takes the name that is fewest edits away, the first of equals") {
  const std::array<std::string_view, 4> known = {"shift", "flip", "crop", "rotate"};
  CHECK(nearest("rotation", known) == "rotate");
  CHECK(nearest("shft", known) == "shift");
  CHECK(nearest("clip", known) == "flip");
  CHECK(nearest("", known) == "flip");
  CHECK(nearest("crop", known) == "crop");
}
