#pragma once

#include <cstdint>

#include "gpu/formulas/inline.hpp"

/// How pixels are moved: an affine map in f64, steps along a line in fixed point, and what is mixed of four pixels in f32.
namespace troupe::gpu::formulas {

/// Where a pixel's value comes from: source x = xx * x + xy * y + x0, source y = yx * x + yy * y + y0,
/// in pixels, with y downwards.
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;

  TROUPE_INLINE static Affine shift(double dx, double dy) { return {1, 0, -dx, 0, 1, -dy}; }
  /// Counter-clockwise as seen, about the centre of an image of that size, by an angle of that cosine and sine.
  TROUPE_INLINE static Affine turn(double cos, double sin, std::int64_t height,
                                   std::int64_t width) {
    const double x = static_cast<double>(width - 1) / 2;
    const double y = static_cast<double>(height - 1) / 2;
    return {cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y};
  }
  /// The map of this transform and another one after it.
  TROUPE_INLINE Affine then(const Affine& next) const {
    return {xx * next.xx + xy * next.yx,      xx * next.xy + xy * next.yy,
            xx * next.x0 + xy * next.y0 + x0, yx * next.xx + yy * next.yx,
            yx * next.xy + yy * next.yy,      yx * next.x0 + yy * next.y0 + y0};
  }
};

/// As a fixed-point number of 32.32 bits.
TROUPE_INLINE std::int64_t to_fixed(double pixels) {
  return static_cast<std::int64_t>(pixels * 0x1p32 + (pixels < 0 ? -0.5 : 0.5));
}

/// A place in the source, in fixed point.
struct FixedPoint {
  std::int64_t x, y;
};

/// Where the first pixel of line y comes from.
TROUPE_INLINE FixedPoint line_start(const Affine& map, std::int64_t y) {
  return {to_fixed(map.xy * static_cast<double>(y) + map.x0),
          to_fixed(map.yy * static_cast<double>(y) + map.y0)};
}

/// From a pixel's place to that of the next one in its line.
TROUPE_INLINE FixedPoint line_step(const Affine& map) {
  return {to_fixed(map.xx), to_fixed(map.yx)};
}

TROUPE_INLINE std::int64_t whole(std::int64_t fixed) {
  return fixed >> 32;
}

/// The part of a pixel, exactly.
TROUPE_INLINE float fraction(std::int64_t fixed) {
  return static_cast<float>(static_cast<std::uint32_t>(fixed) >> 8) * 0x1p-24F;
}

TROUPE_INLINE float mix(float from, float to, float part) {
  return from + part * (to - from);
}

/// Of a pixel, its right neighbour, and the two below them.
TROUPE_INLINE float mix4(float here, float right, float below, float below_right, float part_x,
                         float part_y) {
  return mix(mix(here, right, part_x), mix(below, below_right, part_x), part_y);
}

}  // namespace troupe::gpu::formulas
