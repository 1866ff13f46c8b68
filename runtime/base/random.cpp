#include "runtime/base/random.hpp"

#include <cmath>
#include <string>

#include "runtime/base/error.hpp"
#include "runtime/base/math.hpp"
#include "runtime/base/normal_inline.hpp"

namespace troupe {

Draws::Draws(std::uint64_t seed, std::uint64_t position, Purpose purpose, std::uint32_t layer)
    : key_{philox_key(seed)}, words_{draw_counter(position, purpose, layer, 0)} {
  if (layer >= std::uint32_t{1} << 24) {
    throw Error{ErrorCode::bad_input,
                "draws: expected a layer index below 2^24, got " + std::to_string(layer)};
  }
}

double Draws::normal(std::uint64_t n) const noexcept {
  const NormalPolar pair = normal_polar(bits4(static_cast<std::uint32_t>(n / 2)));
  return std::sqrt(pair.radius_squared) *
         (n % 2 == 0 ? math::cos(pair.angle) : math::sin(pair.angle));
}

}  // namespace troupe
