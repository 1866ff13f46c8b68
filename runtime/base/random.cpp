#include "runtime/base/random.hpp"

#include <cmath>
#include <string>

#include "runtime/base/error.hpp"
#include "runtime/base/math.hpp"

namespace troupe {

Draws::Draws(std::uint64_t seed, std::uint64_t position, Purpose purpose, std::uint32_t layer)
    : key_{philox_key(seed)}, words_{draw_counter(position, purpose, layer, 0)} {
  if (layer >= std::uint32_t{1} << 24) {
    throw Error{ErrorCode::bad_input,
                "draws: expected a layer index below 2^24, got " + std::to_string(layer)};
  }
}

double Draws::normal(std::uint64_t n) const noexcept {
  const Draw4 draw = bits4(static_cast<std::uint32_t>(n / 2));
  const double radius = std::sqrt(-2.0 * math::log(1.0 - troupe::uniform53(draw[0], draw[1])));
  const double angle = 0x1.921fb54442d18p+2 * troupe::uniform53(draw[2], draw[3]);
  return radius * (n % 2 == 0 ? math::cos(angle) : math::sin(angle));
}

}  // namespace troupe
