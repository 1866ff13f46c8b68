#include "runtime/base/positions.hpp"

#include <limits>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe {
namespace {
std::uint64_t checked(const char* what, std::int64_t value, std::int64_t limit) {
  if (value < 1 || value > limit) {
    throw Error{ErrorCode::bad_input, std::string{"positions: expected "} + what + " of 1 to " +
                                          std::to_string(limit) + ", got " + std::to_string(value)};
  }
  return static_cast<std::uint64_t>(value);
}

constexpr std::int64_t max_samples = std::int64_t{1} << 40;
constexpr std::int64_t max_batch = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t max_epochs = std::int64_t{1} << 22;
}  // namespace

std::uint32_t default_shards(std::int64_t batch) {
  checked("a batch", batch, max_batch);
  std::uint32_t shards = 8;
  while (shards > 1 && (batch % shards != 0 || batch / shards < 32)) shards /= 2;
  return shards;
}

Positions::Positions(std::int64_t samples, std::int64_t batch, std::int64_t epochs,
                     std::uint32_t shards)
    : samples_{checked("samples", samples, max_samples)},
      batch_{checked("a batch", batch, max_batch)},
      total_{samples_ * checked("epochs", epochs, max_epochs)},
      shards_{shards} {
  if (shards == 0 || batch_ % shards != 0) {
    throw Error{ErrorCode::bad_input, "positions: expected shards that divide the batch of " +
                                          std::to_string(batch) + ", got " +
                                          std::to_string(shards)};
  }
}

PositionRange Positions::shard(std::uint64_t t, std::uint32_t s) const {
  if (s >= shards_) {
    throw Error{ErrorCode::bad_input, "positions: expected a shard below " +
                                          std::to_string(shards_) + ", got " + std::to_string(s)};
  }
  const std::uint64_t rows = batch_ / shards_;
  const std::uint64_t first = t * batch_ + s * rows;
  return {first, first + rows};
}

}  // namespace troupe
