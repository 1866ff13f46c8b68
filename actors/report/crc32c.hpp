#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::actors {

/// CRC-32C (Castagnoli), as in RFC 3720, section 12.1 and appendix B.4.
std::uint32_t crc32c(std::span<const std::byte> bytes);

/// The form in which TFRecord files keep it, so that the CRC of bytes that hold CRCs is sound: rotated right by 15 bits,
/// plus 0xa282ead8.
constexpr std::uint32_t masked(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace troupe::actors
