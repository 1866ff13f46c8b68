#include "gpu/cuda/memory_pool.hpp"

#include <algorithm>
#include <tuple>

namespace troupe::gpu::cuda {

MemoryPool::~MemoryPool() {
  release_kept();
}

void* MemoryPool::allocate(std::size_t bytes) {
  const std::size_t wanted =
      (std::max(bytes, std::size_t{1}) + grain_bytes - 1) / grain_bytes * grain_bytes;
  const std::lock_guard lock{mutex_};
  void* block = nullptr;
  std::size_t size = wanted;
  if (const auto kept = kept_.lower_bound({wanted, nullptr});
      kept != kept_.end() && kept->first - wanted <= kept->first / 5) {
    std::tie(size, block) = *kept;
    kept_.erase(kept);
    kept_bytes_ -= size;
  } else {
    block = source_.allocate(wanted);
    if (block == nullptr && !kept_.empty()) {
      release_kept();
      block = source_.allocate(wanted);
    }
    if (block == nullptr) return nullptr;
  }
  used_.emplace(block, size);
  used_bytes_ += size;
  return block;
}

void MemoryPool::give_back(void* block) noexcept {
  const std::lock_guard lock{mutex_};
  auto node = used_.find(block);
  if (node == used_.end()) return;
  const std::size_t size = node->second;
  used_.erase(node);
  used_bytes_ -= size;
  kept_bytes_ += size;
  kept_.emplace(size, block);
}

std::size_t MemoryPool::used_bytes() const {
  const std::lock_guard lock{mutex_};
  return used_bytes_;
}

std::size_t MemoryPool::kept_bytes() const {
  const std::lock_guard lock{mutex_};
  return kept_bytes_;
}

void MemoryPool::release_kept() {
  for (const auto& [size, block] : kept_) source_.free(block);
  kept_.clear();
  kept_bytes_ = 0;
}

}  // namespace troupe::gpu::cuda
