#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace troupe::serialization {

/// The number of the format in which manifests are written. All older ones are read, newer ones refused.
inline constexpr std::uint32_t manifest_format = 1;

/// A message with what makes it a manifest's file; all numbers are little-endian:
///
///     0    8 bytes   magic "TROUPECK"
///     8    u32       format number
///     12   u32       zero
///     16   u64       size of the message, a multiple of 8
///     24   16 bytes  XXH3-128, canonical, of bytes 0 to 23 and the message
///     40             the message
std::vector<std::byte> wrap_manifest(std::span<const std::byte> message,
                                     std::uint32_t format = manifest_format);

/// The message of a file, verified.
/// @throws Error unsupported if the format is newer, else corrupted, beginning with `where`.
std::span<const std::byte> unwrap_manifest(std::span<const std::byte> file,
                                           const std::string& where);

}  // namespace troupe::serialization
