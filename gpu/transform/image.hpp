#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gpu/formulas/resampling.hpp"
#include "gpu/shape.hpp"

namespace troupe::gpu {

/// The extents of an image, row-major [height, width, channels].
struct ImageSize {
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;

  explicit ImageSize(const Shape& shape) : height{shape[0]}, width{shape[1]}, channels{shape[2]} {}
  std::size_t elements() const { return static_cast<std::size_t>(height * width * channels); }
};

using formulas::Affine;

/// Counter-clockwise as seen, about the image's centre.
Affine rotation(double radians, const ImageSize& size);

/// The elements of `source` that resample() needs.
std::size_t resample_source_size(const ImageSize& size);

/// Moves `image` in place, with bilinear interpolation, which is exact where a pixel comes from a
/// pixel; what comes from outside is 0. `source` is overwritten. Coordinates are fixed-point numbers
/// of 32.32 bits, so that each row is stepped along exactly. About 2 us for 28x28x1.
void resample(std::span<float> image, const ImageSize& size, const Affine& map,
              std::span<float> source);

void flip_horizontal(std::span<float> image, const ImageSize& size);
void flip_vertical(std::span<float> image, const ImageSize& size);

/// The window of `in` whose first pixel is (top, left), which may be negative: 0 outside.
void crop(std::span<const float> in, const ImageSize& in_size, std::int64_t top, std::int64_t left,
          std::span<float> out, const ImageSize& out_size);

/// Zeroes the square of `side` pixels whose first one is (top, left), where it is in the image.
void cut_out(std::span<float> image, const ImageSize& size, std::int64_t top, std::int64_t left,
             std::int64_t side);

}  // namespace troupe::gpu
