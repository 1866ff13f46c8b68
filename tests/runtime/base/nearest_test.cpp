#include "runtime/base/nearest.hpp"

using troupe::nearest;
using troupe::suggestion;

TEST_CASE("nearest: takes the name that is fewest edits away, and none that is far") {
  const std::array<std::string_view, 4> known = {"shift", "flip", "crop", "rotate"};
  CHECK(nearest("shft", known) == "shift");
  CHECK(nearest("clip", known) == "flip");
  CHECK(nearest("crop", known) == "crop");
  CHECK(nearest("rotates", known) == "rotate");
  CHECK(nearest("noise", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(suggestion("shft", known) == " (did you mean 'shift'?)");
  CHECK(suggestion("noise", known).empty());
}
