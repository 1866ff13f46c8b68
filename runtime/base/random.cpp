#include "runtime/base/random.hpp"

#include <string>

#include "runtime/base/error.hpp"

namespace troupe {

Draws::Draws(std::uint64_t seed, std::uint64_t position, Purpose purpose, std::uint32_t layer)
    : key_{philox_key(seed)}, words_{draw_counter(position, purpose, layer, 0)} {
  if (layer >= std::uint32_t{1} << 24) {
    throw Error{ErrorCode::bad_input,
                "draws: expected a layer index below 2^24, got " + std::to_string(layer)};
  }
}

}  // namespace troupe
