#include "serialization/frame.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_layout.hpp"
#include "serialization/little_endian.hpp"
#include "serialization/malformed_frame.hpp"

namespace troupe::serialization {
namespace {

using namespace frame_layout;

[[noreturn]] void refuse(const std::string& expected, std::uint64_t got) {
  throw MalformedFrame{"frame: expected " + expected + ", got " + std::to_string(got)};
}

void check_limit(std::size_t size, std::size_t limit) {
  if (size <= limit) return;
  throw Error{ErrorCode::exhausted, "frame: expected at most " + std::to_string(limit) +
                                        " bytes, got " + std::to_string(size)};
}

void check_zero(std::span<const std::byte> bytes, std::uint64_t from, std::uint64_t to) {
  const auto gap = bytes.subspan(from, to - from);
  const auto stray = std::ranges::find_if(gap, [](std::byte byte) { return byte != std::byte{0}; });
  if (stray != gap.end()) {
    refuse("zeros between bytes " + std::to_string(from) + " and " + std::to_string(to),
           std::to_integer<unsigned>(*stray));
  }
}

/// Everything that the accessors rely upon. No number is added to another before it is known to be small.
void check_frame(std::span<const std::byte> bytes) {
  const std::uint64_t size = bytes.size();
  if (size < table_at) refuse("at least " + std::to_string(table_at) + " bytes", size);
  if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    throw MalformedFrame{"frame: expected its magic, got other bytes"};
  }
  const auto number = load_little<std::uint32_t>(bytes, format_at);
  const std::string known_formats = "format 1 to " + std::to_string(format);
  if (number == 0) refuse(known_formats, number);
  if (number > format) {
    throw Error{ErrorCode::unsupported,
                "frame: expected " + known_formats + ", got " + std::to_string(number)};
  }
  if (const auto told = load_little<std::uint64_t>(bytes, size_at); told != size) {
    refuse("a block of " + std::to_string(told) + " bytes", size);
  }
  if (size % Frame::alignment != 0) refuse("a block of whole 64 bytes", size);
  check_zero(bytes, reserved_at, table_at);

  const auto count = load_little<std::uint32_t>(bytes, payload_count_at);
  if (count > Frame::max_payloads || head_offset(count) > size) {
    refuse("a number of payloads that the block has room for", count);
  }
  const std::uint64_t head_at = head_offset(count);
  if (const auto told = load_little<std::uint64_t>(bytes, head_offset_at); told != head_at) {
    refuse("the head at byte " + std::to_string(head_at), told);
  }
  check_zero(bytes, table_at + count * table_entry_bytes, head_at);
  const auto head_size = load_little<std::uint64_t>(bytes, head_size_at);
  if (head_size > size - head_at || head_size % 8 != 0) {
    refuse("a head of whole 8 bytes that the block has room for", head_size);
  }

  std::uint64_t end = head_at + head_size;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t entry = table_at + i * table_entry_bytes;
    const auto offset = load_little<std::uint64_t>(bytes, entry);
    const auto length = load_little<std::uint64_t>(bytes, entry + 8);
    const std::string which = "payload " + std::to_string(i);
    const bool in_place =
        i == 0 ? offset % Frame::alignment == 0 && offset >= end : offset == aligned(end);
    if (!in_place || offset > size) {
      refuse(which + " at the multiple of 64 behind byte " + std::to_string(end), offset);
    }
    if (length > size - offset) refuse(which + " to end in the block", length);
    check_zero(bytes, end, offset);
    end = offset + length;
  }
  if (count > 0 && aligned(end) != size) refuse("the block to end behind its last payload", size);
  check_zero(bytes, end, size);
}

}  // namespace

Frame Frame::from_bytes(std::span<const std::byte> bytes, std::size_t limit_bytes) {
  check_limit(bytes.size(), limit_bytes);
  check_frame(bytes);
  const std::shared_ptr<std::byte> block = aligned_block(bytes.size());
  std::memcpy(block.get(), bytes.data(), bytes.size());
  return {block, bytes.size()};
}

Frame Frame::from_block(std::shared_ptr<const std::byte> block, std::size_t size_bytes,
                        std::size_t limit_bytes) {
  check_limit(size_bytes, limit_bytes);
  if (reinterpret_cast<std::uintptr_t>(block.get()) % alignment != 0) {
    throw Error{ErrorCode::bug, "frame: expected a block that begins at a multiple of 64"};
  }
  check_frame({block.get(), size_bytes});
  return {std::move(block), size_bytes};
}

std::span<const std::byte> Frame::head() const {
  if (empty()) return {};
  return bytes().subspan(load_little<std::uint64_t>(bytes(), head_offset_at),
                         load_little<std::uint64_t>(bytes(), head_size_at));
}

std::size_t Frame::payload_count() const {
  return empty() ? 0 : load_little<std::uint32_t>(bytes(), payload_count_at);
}

std::span<const std::byte> Frame::payload(std::size_t index) const {
  if (index >= payload_count()) {
    refuse("a payload below " + std::to_string(payload_count()), index);
  }
  const std::size_t entry = table_at + index * table_entry_bytes;
  return bytes().subspan(load_little<std::uint64_t>(bytes(), entry),
                         load_little<std::uint64_t>(bytes(), entry + 8));
}

Frame Frame::nested(std::size_t index) const {
  const std::span<const std::byte> inner = payload(index);
  check_frame(inner);
  return {std::shared_ptr<const std::byte>{block_, inner.data()}, inner.size()};
}

std::span<const std::byte> Frame::sized_payload(std::size_t index,
                                                std::size_t element_bytes) const {
  const std::span<const std::byte> bytes = payload(index);
  if (bytes.size() % element_bytes != 0) {
    refuse("payload " + std::to_string(index) + " of whole " + std::to_string(element_bytes) +
               " bytes",
           bytes.size());
  }
  return bytes;
}

}  // namespace troupe::serialization
