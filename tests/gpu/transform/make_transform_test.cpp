#include "gpu/transform/make_transform.hpp"

#include "runtime/base/error.hpp"

using troupe::Error;
using namespace troupe::gpu;

TEST_CASE("make_transform: makes each kind from its parameters' names") {
  CHECK(make_transform("scale", {{"factor", {0.5}}}) == Transform{Scale{0.5, 0}});
  CHECK(make_transform("scale", {{"factor", {0.5}}, {"offset", {-1}}}) ==
        Transform{Scale{0.5, -1}});
  CHECK(make_transform("normalize", {{"mean", {1, 2}}, {"deviation", {3}}}) ==
        Transform{Normalize{{1, 2}, {3}}});
  CHECK(make_transform("one_hot", {{"classes", {10}}}) == Transform{OneHot{10}});
  CHECK(make_transform("shift", {{"pixels", {2}}}) == Transform{Shift{2, false}});
  CHECK(make_transform("shift", {{"pixels", {1.5}}, {"subpixel", {1}}}) ==
        Transform{Shift{1.5, true}});
  CHECK(make_transform("rotate", {{"degrees", {15}}}) == Transform{Rotate{15}});
  CHECK(make_transform("flip", {}) == Transform{Flip{0.5, 0}});
  CHECK(make_transform("flip", {{"horizontal", {0}}, {"vertical", {1}}}) == Transform{Flip{0, 1}});
  CHECK(make_transform("crop", {{"height", {32}}, {"width", {24}}, {"padding", {4}}}) ==
        Transform{Crop{32, 24, 4}});
  CHECK(make_transform("cutout", {{"size", {8}}}) == Transform{Cutout{8}});
  CHECK(make_transform("noise", {{"deviation", {0.1}}}) == Transform{Noise{0.1}});
}

TEST_CASE("make_transform: names the nearest kind that it knows") {
  CHECK_THROWS_WITH_AS(make_transform("normalise", {}),
                       "transform: expected a known kind, got 'normalise' (did you mean 'normalize'?)",
                       Error);
  CHECK_THROWS_WITH_AS(make_transform("onehot", {}),
                       "transform: expected a known kind, got 'onehot' (did you mean 'one_hot'?)", Error);
  CHECK_THROWS_AS(make_transform("", {}), Error);
  CHECK_THROWS_AS(make_transform(std::string(1 << 20, 'x'), {}), Error);
}

TEST_CASE("make_transform: names all parameters that are missing, unknown or of the wrong form") {
  CHECK_THROWS_WITH_AS(
      make_transform("crop", {{"hight", {32}}, {"width", {1.5}}, {"padding", {1, 2}}}),
      "crop: height: expected a value, got none; width: expected a whole number, got 1.500000; "
      "padding: expected one number, got 2; hight: expected a known parameter, got this one (did you "
      "mean 'height'?)",
      Error);
  CHECK_THROWS_WITH_AS(make_transform("shift", {{"pixels", {}}, {"subpixel", {2}}}),
                       "shift: pixels: expected one number, got 0; subpixel: expected 0 or 1, got "
                       "2.000000",
                       Error);
  CHECK_THROWS_AS(make_transform("one_hot", {{"classes", {1e300}}}), Error);
}
