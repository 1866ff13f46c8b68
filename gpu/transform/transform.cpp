#include "gpu/transform/transform.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "gpu/transform/fields.hpp"

namespace troupe::gpu {

namespace {

constexpr double largest = std::numeric_limits<float>::max();
constexpr double smallest = std::numeric_limits<float>::min();
constexpr std::int64_t max_extent = 16'384;
constexpr std::int64_t max_distance = 4096;
constexpr std::size_t max_transforms = 1024;
constexpr std::int64_t max_elements = std::int64_t{1} << 31;

std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  return std::to_string(value);
}

class Checker {
 public:
  Checker(std::string_view name, const Shape& in, DType dtype)
      : name_{name}, in_{in}, dtype_{dtype}, checked_{in, DType::f32, {}} {}

  void operator()(const Scale& scale) {
    if (dtype_ == DType::bf16) problem("", "a dtype other than bf16", to_string(dtype_));
    range("factor", scale.factor, -largest, largest);
    range("offset", scale.offset, -largest, largest);
  }

  void operator()(const Normalize& normalize) {
    expect_f32();
    const std::int64_t channels = in_.rank() == 0 ? 1 : in_[in_.rank() - 1];
    const auto fits = [&](std::string_view field, const std::vector<double>& values) {
      if (values.size() == 1 || static_cast<std::int64_t>(values.size()) == channels) return;
      problem(field, "1 value or " + std::to_string(channels) + ", one a channel",
              std::to_string(values.size()));
    };
    fits("mean", normalize.mean);
    fits("deviation", normalize.deviation);
    for (const double mean : normalize.mean) range("mean", mean, -largest, largest);
    for (const double deviation : normalize.deviation) {
      if (deviation >= smallest && deviation <= largest) continue;
      problem("deviation", "a positive number", number(deviation));
    }
  }

  void operator()(const OneHot& one_hot) {
    if (dtype_ != DType::u8 && dtype_ != DType::i32 && dtype_ != DType::i64) {
      problem("", "labels in u8, i32 or i64", to_string(dtype_));
    }
    if (in_.elements() != 1) problem("", "one label", to_string(in_));
    constexpr std::int64_t most = 1 << 20;
    range("classes", one_hot.classes, 1, most);
    const bool sound = one_hot.classes >= 1 && one_hot.classes <= most;
    checked_.shape = Shape{sound ? one_hot.classes : 1};
  }

  void operator()(const Shift& shift) {
    expect_image();
    range("pixels", shift.pixels, 0, double{max_distance});
    if (!shift.subpixel && shift.pixels != std::floor(shift.pixels)) {
      problem("pixels", "a whole number, or subpixel", number(shift.pixels));
    }
  }

  void operator()(const Rotate& rotate) {
    expect_image();
    range("degrees", rotate.degrees, 0, 180);
  }

  void operator()(const Flip& flip) {
    expect_image();
    range("horizontal", flip.horizontal, 0, 1);
    range("vertical", flip.vertical, 0, 1);
  }

  void operator()(const Crop& crop) {
    const bool image = expect_image();
    range("padding", crop.padding, 0, max_distance);
    const bool padded = image && crop.padding >= 0 && crop.padding <= max_distance;
    const std::int64_t around = padded ? 2 * crop.padding : 0;
    range("height", crop.height, 1, image ? in_[0] + around : max_extent);
    range("width", crop.width, 1, image ? in_[1] + around : max_extent);
    if (image && checked_.problems.empty()) checked_.shape = Shape{crop.height, crop.width, in_[2]};
  }

  void operator()(const Cutout& cutout) {
    expect_image();
    range("size", cutout.size, 1, max_extent);
  }

  void operator()(const Noise& noise) {
    expect_f32();
    range("deviation", noise.deviation, 0, largest);
  }

  Checked result() { return std::move(checked_); }

 private:
  void problem(std::string_view field, const std::string& expected, std::string_view got) {
    std::string text{name_};
    if (!field.empty()) text.append(": ").append(field);
    checked_.problems.push_back(text + ": expected " + expected + ", got " + std::string{got});
  }

  void range(std::string_view field, double value, double low, double high) {
    if (value >= low && value <= high) return;  // NaN is in no range
    const std::string expected = high >= largest && low <= -largest ? "a finite number"
                                 : high >= largest                  ? number(low) + " or more"
                                                   : number(low) + " to " + number(high);
    problem(field, expected, number(value));
  }
  void range(std::string_view field, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return;
    problem(field, std::to_string(low) + " to " + std::to_string(high), std::to_string(value));
  }

  void expect_f32() {
    if (dtype_ != DType::f32) problem("", "f32 (from a scale before it)", to_string(dtype_));
  }

  bool expect_image() {
    expect_f32();
    bool image = in_.rank() == 3;
    for (const std::int64_t extent : in_.dims()) {
      image = image && extent >= 1 && extent <= max_extent;
    }
    if (!image) {
      problem("", "an image [height, width, channels], each 1 to " + std::to_string(max_extent),
              to_string(in_));
    }
    return image;
  }

  std::string_view name_;
  const Shape& in_;
  DType dtype_;
  Checked checked_;
};

}  // namespace

std::string_view kind(const Transform& transform) {
  return std::visit([]<typename T>(const T&) { return kind_of<T>; }, transform);
}

Checked check(const Transform& transform, const Shape& in, DType dtype) {
  Checker checker{kind(transform), in, dtype};
  std::visit(checker, transform);
  return checker.result();
}

Checked check(const std::vector<Transform>& chain, const Shape& in, DType dtype) {
  Checked all{in, dtype, {}};
  if (chain.size() > max_transforms) {
    all.problems.push_back("transforms: expected at most " + std::to_string(max_transforms) +
                           ", got " + std::to_string(chain.size()));
    return all;
  }
  for (std::size_t i = 0; i < chain.size(); ++i) {
    Checked one = check(chain[i], all.shape, all.dtype);
    all.shape = one.shape;
    all.dtype = one.dtype;
    if (all.shape.elements() > max_elements) {
      one.problems.push_back(std::string{kind(chain[i])} +
                             ": expected at most 2^31 elements, got " + to_string(all.shape));
    }
    for (const std::string& problem : one.problems) {
      all.problems.push_back("transform " + std::to_string(i) + ": " + problem);
    }
  }
  return all;
}

}  // namespace troupe::gpu
