#include "serialization/state_hash.hpp"

#include <concepts>

#include "serialization/little_endian.hpp"  // asserts the byte order

namespace troupe::serialization {
namespace {

template <std::integral T>
void update(Sha256& hash, T number) {
  hash.update(std::as_bytes(std::span{&number, 1}));
}

}  // namespace

Sha256Digest state_hash(std::span<const NamedTensorView> tensors, std::uint64_t step) {
  Sha256 hash;
  for (const NamedTensorView& tensor : sorted_by_name(tensors)) {
    update(hash, static_cast<std::uint32_t>(tensor.name.size()));
    hash.update(std::as_bytes(std::span{tensor.name}));
    update(hash, static_cast<std::uint8_t>(tensor.dtype));
    update(hash, static_cast<std::uint8_t>(tensor.shape.rank()));
    for (const std::int64_t dim : tensor.shape.dims())
      update(hash, static_cast<std::uint64_t>(dim));
    hash.update(tensor.bytes);
  }
  update(hash, step);
  return hash.finish();
}

}  // namespace troupe::serialization
