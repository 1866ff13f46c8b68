#pragma once

#include <cstdint>

#include "gpu/formulas/inline.hpp"

namespace troupe::gpu::formulas {

/// bf16 is the upper half of an f32; rounds to nearest even and keeps NaN a NaN.
TROUPE_INLINE std::uint16_t to_bf16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

TROUPE_INLINE float from_bf16(std::uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace troupe::gpu::formulas
