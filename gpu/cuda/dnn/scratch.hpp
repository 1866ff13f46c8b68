#pragma once

#include <cstddef>

namespace troupe::gpu::cuda::dnn {

/// Shares one node's scratch out: parts one behind the other, each at a multiple of 256 bytes.
class ScratchParts {
 public:
  /// The offset of a new part.
  std::size_t add(std::size_t bytes) {
    const std::size_t offset = bytes_;
    bytes_ += (bytes + 255) / 256 * 256;
    return offset;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

inline void* part_of(void* scratch, std::size_t offset) {
  return static_cast<std::byte*>(scratch) + offset;
}

}  // namespace troupe::gpu::cuda::dnn
