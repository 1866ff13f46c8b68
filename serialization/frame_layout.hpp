#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::serialization::frame_layout {

// Where things stand in a frame's block; the picture is frame.hpp's.
inline constexpr std::string_view magic = "TROUPEFR";
inline constexpr std::uint32_t format = 1;
inline constexpr std::size_t format_at = 8;
inline constexpr std::size_t payload_count_at = 12;
inline constexpr std::size_t size_at = 16;
inline constexpr std::size_t head_offset_at = 24;
inline constexpr std::size_t head_size_at = 32;
inline constexpr std::size_t reserved_at = 40;
inline constexpr std::size_t table_at = 64;
inline constexpr std::size_t table_entry_bytes = 16;

/// The first multiple of 64 that is not below `offset`.
constexpr std::uint64_t aligned(std::uint64_t offset) {
  return (offset + 63) / 64 * 64;
}

constexpr std::uint64_t head_offset(std::size_t payloads) {
  return aligned(table_at + payloads * table_entry_bytes);
}

}  // namespace troupe::serialization::frame_layout
