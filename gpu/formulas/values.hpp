#pragma once

#include "gpu/formulas/inline.hpp"

/// What transforms do to one value.
namespace troupe::gpu::formulas {

TROUPE_INLINE float scaled(float value, float factor, float offset) {
  return value * factor + offset;
}

TROUPE_INLINE float normalized(float value, float mean, float inverse_deviation) {
  return (value - mean) * inverse_deviation;
}

/// @param draw  a standard normal one
TROUPE_INLINE float noisy(float value, double deviation, double draw) {
  return value + static_cast<float>(deviation * draw);
}

}  // namespace troupe::gpu::formulas
