#pragma once

#include <cstdint>

#include "gpu/formulas/inline.hpp"
#include "runtime/base/random.hpp"

/// What transforms make of the bits of a draw (JOB-3).
namespace troupe::gpu::formulas {

/// One of 0 … count - 1. @param count  up to 2^38
TROUPE_INLINE std::int64_t below(std::uint32_t bits, std::int64_t count) {
  return static_cast<std::int64_t>(bits >> 8) * count >> 24;
}

/// One of [-limit, limit).
TROUPE_INLINE double within(std::uint32_t bits, double limit) {
  return (2 * static_cast<double>(uniform(bits)) - 1) * limit;
}

/// Whether what has this probability is so.
TROUPE_INLINE bool happens(std::uint32_t bits, double probability) {
  return static_cast<double>(uniform(bits)) < probability;
}

/// How far a Shift goes in one direction.
TROUPE_INLINE double shift_distance(std::uint32_t bits, double pixels, bool subpixel) {
  if (subpixel) return within(bits, pixels);
  const auto most = static_cast<std::int64_t>(pixels);
  return static_cast<double>(below(bits, 2 * most + 1) - most);
}

/// By how much a Rotate turns, in radians.
TROUPE_INLINE double rotation_angle(std::uint32_t bits, double degrees) {
  constexpr double radians_per_degree = 0.017453292519943295;
  return within(bits, degrees) * radians_per_degree;
}

/// Where a Crop's window begins, along an axis.
TROUPE_INLINE std::int64_t crop_start(std::uint32_t bits, std::int64_t extent, std::int64_t window,
                                      std::int64_t padding) {
  return below(bits, extent + 2 * padding - window + 1) - padding;
}

/// Where a Cutout's square begins, along an axis.
TROUPE_INLINE std::int64_t cutout_start(std::uint32_t bits, std::int64_t extent,
                                        std::int64_t side) {
  return below(bits, extent) - side / 2;
}

}  // namespace troupe::gpu::formulas
