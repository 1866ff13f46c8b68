#include "serialization/frame_builder.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_layout.hpp"
#include "serialization/little_endian.hpp"

namespace troupe::serialization {
namespace {

using namespace frame_layout;

/// The offset behind a part of `size` bytes at `offset`, a multiple of 64.
std::uint64_t behind(std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max() / 2;
  if (size > most - offset) {
    throw Error{ErrorCode::exhausted, "frame: expected at most 2^62 bytes, got more"};
  }
  return aligned(offset + size);
}

}  // namespace

FrameBuilder::FrameBuilder(std::span<const std::size_t> payload_sizes, std::size_t head_room,
                           const FrameAllocator& allocate) {
  const std::size_t count = payload_sizes.size();
  if (count > Frame::max_payloads) {
    throw Error{ErrorCode::bug,
                "frame: expected at most 65535 payloads, got " + std::to_string(count)};
  }
  const std::uint64_t first = behind(head_offset(count), head_room);
  std::uint64_t size = first;
  for (const std::size_t payload_size : payload_sizes) size = behind(size, payload_size);
  block_ = allocate ? allocate(size) : aligned_block(size);
  size_bytes_ = size;

  const std::span<std::byte> bytes{block_.get(), size_bytes_};
  std::memset(bytes.data(), 0, first);
  std::memcpy(bytes.data(), magic.data(), magic.size());
  store_little(bytes, format_at, format);
  store_little(bytes, payload_count_at, static_cast<std::uint32_t>(count));
  store_little(bytes, size_at, size);
  store_little(bytes, head_offset_at, head_offset(count));
  std::uint64_t offset = first;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t payload_size = payload_sizes[i];
    store_little(bytes, table_at + i * table_entry_bytes, offset);
    store_little(bytes, table_at + i * table_entry_bytes + 8, payload_size);
    const std::uint64_t next = aligned(offset + payload_size);
    std::memset(bytes.data() + offset + payload_size, 0, next - offset - payload_size);
    offset = next;
  }
}

FrameBuilder::FrameBuilder(FrameBuilder&& other) noexcept
    : block_{std::move(other.block_)}, size_bytes_{std::exchange(other.size_bytes_, 0)} {}

FrameBuilder& FrameBuilder::operator=(FrameBuilder&& other) noexcept {
  block_ = std::move(other.block_);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  return *this;
}

std::span<std::byte> FrameBuilder::payload(std::size_t index) {
  const std::span<std::byte> bytes{block_.get(), size_bytes_};
  if (empty() || index >= load_little<std::uint32_t>(bytes, payload_count_at)) {
    throw Error{ErrorCode::bug, "frame: its builder has no payload " + std::to_string(index)};
  }
  const std::size_t entry = table_at + index * table_entry_bytes;
  return bytes.subspan(load_little<std::uint64_t>(bytes, entry),
                       load_little<std::uint64_t>(bytes, entry + 8));
}

Frame FrameBuilder::seal(std::span<const std::byte> head) {
  if (empty()) throw Error{ErrorCode::bug, "frame: its builder was sealed before"};
  const std::span<std::byte> bytes{block_.get(), size_bytes_};
  const auto count = load_little<std::uint32_t>(bytes, payload_count_at);
  const std::uint64_t head_at = head_offset(count);
  const std::uint64_t room =
      (count > 0 ? load_little<std::uint64_t>(bytes, table_at) : size_bytes_) - head_at;
  if (head.size() > room || head.size() % 8 != 0) {
    throw Error{ErrorCode::bug, "frame: expected a head of whole 8 bytes, at most " +
                                    std::to_string(room) + ", got " + std::to_string(head.size())};
  }
  if (!head.empty()) std::memcpy(bytes.data() + head_at, head.data(), head.size());
  store_little(bytes, head_size_at, std::uint64_t{head.size()});
  return {std::move(block_), std::exchange(size_bytes_, 0)};
}

}  // namespace troupe::serialization
