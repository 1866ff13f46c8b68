#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "serialization/frame.hpp"

namespace troupe::serialization {

/// Makes one Frame: its block is allocated once, its payloads are filled in place, and seal() closes it.
///
///     FrameBuilder builder{std::array{bucket_bytes}};
///     fill(builder.payload_of<float>(0));
///     Frame frame = builder.seal(head);
///
/// For one thread at a time, but different payloads may be filled from different threads.
class FrameBuilder {
 public:
  static constexpr std::size_t default_head_room = 1024;

  /// Payloads of the given sizes, in bytes, and room for a head of up to `head_room` bytes.
  /// @throws Error bug for more than Frame::max_payloads, exhausted if there is no memory.
  explicit FrameBuilder(std::span<const std::size_t> payload_sizes,
                        std::size_t head_room = default_head_room,
                        const FrameAllocator& allocate = {});

  FrameBuilder(FrameBuilder&&) noexcept;
  FrameBuilder& operator=(FrameBuilder&&) noexcept;

  /// Memory of one payload, uninitialised, 64-byte aligned; it belongs to the builder, and nobody may
  /// write to it any more once seal() was called. @throws Error bug if there is none or it was sealed.
  std::span<std::byte> payload(std::size_t index);
  template <class T>
  std::span<T> payload_of(std::size_t index) {
    const std::span<std::byte> bytes = payload(index);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  /// Closes the frame with its head, a flat Cap'n Proto message (or use seal() of frame_reader.hpp). The
  /// builder is empty then. @throws Error bug if the head is larger than the room for it, is not of whole
  /// 8 bytes, or the builder is empty.
  Frame seal(std::span<const std::byte> head);

  bool empty() const { return block_ == nullptr; }

 private:
  std::shared_ptr<std::byte> block_;
  std::size_t size_bytes_ = 0;
};

}  // namespace troupe::serialization
