#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace troupe::serialization {

/// Memory for a frame: `size_bytes` bytes that begin at a multiple of 64, freed with the last owner. May
/// be pinned or shared with another process.
using FrameAllocator = std::function<std::shared_ptr<std::byte>(std::size_t size_bytes)>;

/// One immutable block that crosses threads, processes and hosts as it stands: a small Cap'n Proto head
/// (frame_reader.hpp), then raw payloads. To copy a Frame is one atomic increment; the bytes are shared.
/// All of it may be read from any thread.
///
///     0    8 bytes  magic "TROUPEFR"       all numbers little-endian, all gaps zero
///     8    u32      format number, 1
///     12   u32      number of payloads, at most 65,535
///     16   u64      size of the block, a multiple of 64
///     24   u64      offset of the head, the first multiple of 64 behind the table
///     32   u64      size of the head, a multiple of 8
///     40   24 bytes zero
///     64   u64 offset, u64 size for each payload
///
/// Payloads begin at multiples of 64, in order, each at the first one behind what comes before it; only
/// behind the head there may be more room, which its builder had set aside.
class Frame {
 public:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t max_payloads = 65'535;

  /// An empty frame: no bytes, no head, no payloads.
  Frame() = default;

  /// A frame in memory of its own, copied from what came from elsewhere.
  /// @throws MalformedFrame if the bytes are no frame; Error unsupported if their format is newer, exhausted if
  /// there are more of them than `limit_bytes` or no memory.
  static Frame from_bytes(std::span<const std::byte> bytes, std::size_t limit_bytes);
  /// The same without a copy: the frame shares `block`, which nobody may write to from here on.
  static Frame from_block(std::shared_ptr<const std::byte> block, std::size_t size_bytes,
                          std::size_t limit_bytes);

  bool empty() const { return size_bytes_ == 0; }
  /// The whole block, to send it.
  std::span<const std::byte> bytes() const { return {block_.get(), size_bytes_}; }
  std::span<const std::byte> head() const;
  std::size_t payload_count() const;

  /// @throws MalformedFrame if there is no such payload: its index comes from a head, thus from outside.
  std::span<const std::byte> payload(std::size_t index) const;

  /// A payload as numbers, bit for bit.
  /// @throws MalformedFrame as payload() does, or if its size is no multiple of that of a T.
  template <class T>
  std::span<const T> payload_of(std::size_t index) const {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignment);
    const std::span<const std::byte> bytes = sized_payload(index, sizeof(T));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  /// A payload that is itself a frame's block, as a frame that shares this one's.
  /// @throws MalformedFrame as payload() does, or if it is no frame; Error unsupported if its format is newer.
  Frame nested(std::size_t index) const;

 private:
  friend class FrameBuilder;
  Frame(std::shared_ptr<const std::byte> block, std::size_t size_bytes)
      : block_{std::move(block)}, size_bytes_{size_bytes} {}
  std::span<const std::byte> sized_payload(std::size_t index, std::size_t element_bytes) const;

  std::shared_ptr<const std::byte> block_;
  std::size_t size_bytes_ = 0;
};

}  // namespace troupe::serialization
