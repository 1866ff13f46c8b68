#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::gpu {

// What is done to one sample before it enters a batch, as data. Images are [height, width, channels]
// in f32; what leaves or enters an image at its edges is 0, so normalise last. Ranges are inclusive;
// check() finds what is outside of them. Random ones draw anew for each position (JOB-3).

/// Any dtype but bf16 -> f32: value * factor + offset, each step rounded to f32.
struct Scale {
  double factor = 1;  ///< finite in f32, as is the offset
  double offset = 0;
  bool operator==(const Scale&) const = default;
};

/// f32: (value - mean) * (1 / deviation), by the last dimension or with one pair for all. Moments
/// (moments.hpp) measures both.
struct Normalize {
  std::vector<double> mean = {0};       ///< one, or one a channel; finite in f32
  std::vector<double> deviation = {1};  ///< the same; above 0
  bool operator==(const Normalize&) const = default;
};

/// One label in u8, i32 or i64 -> f32 [classes]: 1 at the label, else 0.
struct OneHot {
  std::int64_t classes = 0;  ///< 1 to 2^20; a label is in [0, classes)
  bool operator==(const OneHot&) const = default;
};

/// f32 images: moves by a random distance in each direction.
struct Shift {
  double pixels = 0;      ///< at most this far, 0 to 4096; a whole number unless sub-pixel
  bool subpixel = false;  ///< any distance, by bilinear interpolation, rather than whole pixels
  bool operator==(const Shift&) const = default;
};

/// f32 images: turns about the centre by a random angle, with bilinear interpolation. A Shift and a
/// Rotate next to each other are one resampling, which blurs once and loses nothing in between.
struct Rotate {
  double degrees = 0;  ///< at most this far in either direction, 0 to 180
  bool operator==(const Rotate&) const = default;
};

/// f32 images: mirrors left to right, and top to bottom, each with its probability, 0 to 1.
struct Flip {
  double horizontal = 0.5;
  double vertical = 0;
  bool operator==(const Flip&) const = default;
};

/// f32 images -> [height, width, channels]: a random window of the image with zeros around it.
struct Crop {
  std::int64_t height = 0;   ///< 1 to the image's height + 2 * padding
  std::int64_t width = 0;    ///< as the height
  std::int64_t padding = 0;  ///< on each side, 0 to 4096
  bool operator==(const Crop&) const = default;
};

/// f32 images: zeroes a square about a random pixel, cut where it sticks out.
/// Source: DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
/// arXiv:1708.04552, section 3.
struct Cutout {
  std::int64_t size = 0;  ///< of its sides, 1 to 16384
  bool operator==(const Cutout&) const = default;
};

/// f32: adds gaussian noise of mean 0.
struct Noise {
  double deviation = 0;  ///< 0 or more, finite in f32
  bool operator==(const Noise&) const = default;
};

using Transform = std::variant<Scale, Normalize, OneHot, Shift, Rotate, Flip, Crop, Cutout, Noise>;

/// As a config names it: "scale", "normalize", "one_hot", "shift", ...
std::string_view kind(const Transform& transform);

/// What a sample becomes, or why it cannot.
struct Checked {
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::string> problems;  ///< as in "rotate: degrees: expected 0 to 180, got 400"
};

/// All that is wrong with a transform of samples of this shape and type; where there are problems,
/// shape and type are what the transform was meant to give. A chain's problems begin "transform 2: ".
Checked check(const Transform& transform, const Shape& in, DType dtype);
Checked check(const std::vector<Transform>& chain, const Shape& in, DType dtype);

}  // namespace troupe::gpu
