#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "gpu/cuda/memory_pool.hpp"
#include "gpu/tensor.hpp"

namespace troupe::gpu::cuda {

/// Memory of one GPU, and host memory that it can read and write. Blocks may outlive this. Thread-safe.
class Memory {
 public:
  explicit Memory(int device);

  /// Zeroed. @throws Error exhausted with what it was for, its size, and what is free.
  std::shared_ptr<Storage> allocate(std::size_t bytes, std::string_view what);
  /// Host memory, zeroed, locked in place and known to the GPU under the same address. @throws Error exhausted.
  std::shared_ptr<Storage> allocate_pinned(std::size_t bytes, std::string_view what);

  std::size_t used_bytes() const { return device_pool_->used_bytes(); }
  std::size_t kept_bytes() const { return device_pool_->kept_bytes(); }

 private:
  int device_;
  std::shared_ptr<MemoryPool> device_pool_, pinned_pool_;
};

}  // namespace troupe::gpu::cuda
