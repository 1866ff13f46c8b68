#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace troupe::gpu::cuda {

/// Blocks of a memory that is slow to ask for: what is given back is kept and handed out again, to whom a block fits of
/// which less than a fifth is wasted. Where the source has no more, all that is kept goes back to it first. Contents are
/// left over from earlier uses. Thread-safe.
class MemoryPool {
 public:
  struct Source {
    std::function<void*(std::size_t bytes)> allocate;  ///< null: there is no room
    std::function<void(void* block)> free;
  };
  /// Sizes are rounded up to a multiple of this.
  static constexpr std::size_t grain_bytes = 512;

  explicit MemoryPool(Source source) : source_{std::move(source)} {}
  /// What is kept goes back; what is out is not touched.
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// Null where neither the pool nor the source has room.
  void* allocate(std::size_t bytes);
  /// @param block  of allocate(), which nobody uses any more
  void give_back(void* block) noexcept;

  std::size_t used_bytes() const;  ///< of blocks that are out
  std::size_t kept_bytes() const;  ///< of blocks that wait

 private:
  void release_kept();

  Source source_;
  mutable std::mutex mutex_;
  std::map<void*, std::size_t> used_;  // block, bytes
  std::set<std::pair<std::size_t, void*>>
      kept_;  // by size, so that the smallest that fits is found
  std::size_t used_bytes_ = 0, kept_bytes_ = 0;
};

}  // namespace troupe::gpu::cuda
