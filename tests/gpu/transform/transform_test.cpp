#include "gpu/transform/transform.hpp"

#include <limits>

using namespace troupe::gpu;

namespace {
using Problems = std::vector<std::string>;
const Shape image{28, 28, 1};
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Problems problems(const Transform& transform, const Shape& in = image, DType dtype = DType::f32) {
  return check(transform, in, dtype).problems;
}
}  // namespace

TEST_CASE("check: gives the shape and type that a sample becomes") {
  for (const DType dtype : {DType::u8, DType::i32, DType::i64, DType::f32, DType::f64}) {
    const Checked scaled = check(Scale{1.0 / 255}, image, dtype);
    CHECK(scaled.problems.empty());
    CHECK(scaled.shape == image);
    CHECK(scaled.dtype == DType::f32);
  }
  CHECK(check(OneHot{10}, Shape{}, DType::u8).shape == Shape{10});
  CHECK(check(OneHot{10}, Shape{1}, DType::i64).problems.empty());
  CHECK(check(Crop{30, 32, 2}, image, DType::f32).shape == Shape{30, 32, 1});

  const std::vector<Transform> chain = {Scale{}, Crop{24, 24, 0}, Rotate{15},
                                        Normalize{{0.1}, {0.3}}};
  const Checked all = check(chain, image, DType::u8);
  CHECK(all.problems.empty());
  CHECK(all.shape == Shape{24, 24, 1});
  CHECK(all.dtype == DType::f32);
  CHECK(check(std::vector<Transform>{}, Shape{3}, DType::bf16).dtype == DType::bf16);
}

TEST_CASE("check: names what is out of its range") {
  CHECK(problems(Scale{not_a_number, 1e300}) ==
        Problems{"scale: factor: expected a finite number, got nan",
                 "scale: offset: expected a finite number, got " + std::to_string(1e300)});
  CHECK(problems(Normalize{{0, 0}, {0}}) ==
        Problems{"normalize: mean: expected 1 value or 1, one a channel, got 2",
                 "normalize: deviation: expected a positive number, got 0"});
  CHECK(problems(OneHot{0}, Shape{}, DType::u8) ==
        Problems{"one_hot: classes: expected 1 to 1048576, got 0"});
  CHECK(problems(Shift{-1}) == Problems{"shift: pixels: expected 0 to 4096, got -1"});
  CHECK(problems(Shift{0.5}) ==
        Problems{"shift: pixels: expected a whole number, or subpixel, got 0.500000"});
  CHECK(problems(Shift{0.5, true}).empty());
  CHECK(problems(Rotate{400}) == Problems{"rotate: degrees: expected 0 to 180, got 400"});
  CHECK(problems(Flip{2, not_a_number}) == Problems{"flip: horizontal: expected 0 to 1, got 2",
                                                    "flip: vertical: expected 0 to 1, got nan"});
  CHECK(problems(Crop{33, 0, 2}) ==
        Problems{"crop: height: expected 1 to 32, got 33", "crop: width: expected 1 to 32, got 0"});
  CHECK(problems(Crop{8, 8, -1}) == Problems{"crop: padding: expected 0 to 4096, got -1"});
  CHECK(problems(Cutout{0}) == Problems{"cutout: size: expected 1 to 16384, got 0"});
  CHECK(problems(Noise{-0.5}) == Problems{"noise: deviation: expected 0 or more, got -0.500000"});
}

TEST_CASE("check: names the samples that a transform is not for") {
  CHECK(problems(Scale{}, image, DType::bf16) ==
        Problems{"scale: expected a dtype other than bf16, got bf16"});
  CHECK(problems(OneHot{10}, Shape{2}, DType::f32) ==
        Problems{"one_hot: expected labels in u8, i32 or i64, got f32",
                 "one_hot: expected one label, got [2]"});
  for (const Transform& transform :
       std::vector<Transform>{Shift{1}, Rotate{1}, Flip{}, Crop{1, 1, 0}, Cutout{1}}) {
    const std::string name{kind(transform)};
    CHECK(
        problems(transform, Shape{28, 28}, DType::u8) ==
        Problems{
            name + ": expected f32 (from a scale before it), got u8",
            name + ": expected an image [height, width, channels], each 1 to 16384, got [28, 28]"});
  }
}

TEST_CASE("check: reports all problems of a chain, by the transforms' indices") {
  const std::vector<Transform> chain = {Rotate{200}, Scale{}, Crop{8, 8, 0}, Crop{9, 9, 0}};
  CHECK(check(chain, image, DType::u8).problems ==
        Problems{"transform 0: rotate: expected f32 (from a scale before it), got u8",
                 "transform 0: rotate: degrees: expected 0 to 180, got 200",
                 "transform 3: crop: height: expected 1 to 8, got 9",
                 "transform 3: crop: width: expected 1 to 8, got 9"});
  CHECK(check({Scale{}, Crop{8192, 8192, 4096}}, Shape{1, 1, 64}, DType::u8).problems ==
        Problems{"transform 1: crop: expected at most 2^31 elements, got [8192, 8192, 64]"});
  CHECK(check(std::vector<Transform>(1025), image, DType::u8).problems ==
        Problems{"transforms: expected at most 1024, got 1025"});
}
