#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe::runtime {

/// Memory for a frame.
struct Block {
  std::shared_ptr<std::byte> bytes;
  std::size_t size = 0;
};

/// Blocks to be used again, the last one first: fresh memory costs a page fault for each 4 KiB, and
/// the last one may still be in the cache. Held by shared_ptr; blocks outlive it, and end in any
/// thread.
class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  /// @throws Error exhausted if there is no memory.
  Block get(std::size_t size);

 private:
  struct Spare {
    std::size_t room = 0;
    std::shared_ptr<std::byte> bytes;
  };
  void put(Spare spare);

  std::mutex mutex_;
  std::vector<Spare> spares_;
};

}  // namespace troupe::runtime
