#pragma once

#include "runtime/base/math_inline.hpp"
#include "runtime/base/random.hpp"

namespace troupe {

/// Two normal draws as a point of the plane: the even one is radius · cos(angle), the odd one radius · sin(angle).
struct NormalPolar {
  double radius_squared;  ///< of the root IEEE 754 fixes the bits, but it is not constexpr
  double angle;
};

/// Box-Muller on a block of draws, as Draws::normal has it, for kernels of a GPU too. Private.
[[gnu::always_inline]] constexpr NormalPolar normal_polar(const Draw4& draw) noexcept {
  return {-2.0 * math::log_inline(1.0 - uniform53(draw[0], draw[1])),
          0x1.921fb54442d18p+2 * uniform53(draw[2], draw[3])};
}

}  // namespace troupe
