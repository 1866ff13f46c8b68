#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>

namespace troupe::serialization {

// Files, frames and hashes are little-endian, and so are all machines that Troupe runs on: what they hold
// is copied as it stands.
static_assert(std::endian::native == std::endian::little);

/// The number at byte `offset`, which must be there.
template <std::integral T>
T load_little(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof value).data(), sizeof value);
  return value;
}

template <std::integral T>
void store_little(std::span<std::byte> bytes, std::size_t offset, T value) {
  std::memcpy(bytes.subspan(offset, sizeof value).data(), &value, sizeof value);
}

}  // namespace troupe::serialization
