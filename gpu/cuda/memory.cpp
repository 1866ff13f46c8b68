#include "gpu/cuda/memory.hpp"

#include <cstring>
#include <string>

#include <cuda_runtime_api.h>
#include <unistd.h>

#include "gpu/cuda/status.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

/// `allocate` puts a block's address where it is told to; other failures than want of memory are the caller's.
template <class Allocate>
void* or_null(Allocate allocate, const char* call) {
  void* block = nullptr;
  const cudaError_t status = allocate(&block);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next launch would report it
    return nullptr;
  }
  check(status, call);
  return block;
}

std::shared_ptr<Storage> lend(const std::shared_ptr<MemoryPool>& pool, void* block,
                              std::size_t bytes) {
  return std::make_shared<Storage>(static_cast<std::byte*>(block), bytes,
                                   [pool](std::byte* data) { pool->give_back(data); });
}

}  // namespace

Memory::Memory(int device)
    : device_{device},
      device_pool_{std::make_shared<MemoryPool>(MemoryPool::Source{
          [device](std::size_t bytes) {
            check(cudaSetDevice(device), "cudaSetDevice");
            return or_null([bytes](void** block) { return cudaMalloc(block, bytes); },
                           "cudaMalloc");
          },
          [](void* block) { cudaFree(block); }})},
      pinned_pool_{std::make_shared<MemoryPool>(
          MemoryPool::Source{[device](std::size_t bytes) {
                               check(cudaSetDevice(device), "cudaSetDevice");
                               return or_null(
                                   [bytes](void** block) {
                                     return cudaHostAlloc(block, bytes, cudaHostAllocPortable);
                                   },
                                   "cudaHostAlloc");
                             },
                             [](void* block) { cudaFreeHost(block); }})} {}

std::shared_ptr<Storage> Memory::allocate(std::size_t bytes, std::string_view what) {
  void* const block = device_pool_->allocate(bytes);
  if (block == nullptr) {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    throw Error{ErrorCode::exhausted, "cuda: expected " + std::to_string(bytes) + " bytes for " +
                                          std::string{what} +
                                          ", got out of memory: " + std::to_string(free) + " of " +
                                          std::to_string(total) + " bytes are free, " +
                                          std::to_string(used_bytes()) + " are this process's"};
  }
  std::shared_ptr<Storage> storage = lend(device_pool_, block, bytes);
  // By the legacy stream, whose end is waited for: whichever stream uses the block comes after.
  check(cudaSetDevice(device_), "cudaSetDevice");
  check(cudaMemsetAsync(block, 0, bytes, cudaStreamLegacy), "cudaMemsetAsync");
  check(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
  return storage;
}

std::shared_ptr<Storage> Memory::allocate_pinned(std::size_t bytes, std::string_view what) {
  void* const block = pinned_pool_->allocate(bytes);
  if (block == nullptr) {
    const auto pages = [](int kind) {
      return std::to_string(static_cast<std::size_t>(sysconf(kind)) *
                            static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
    };
    throw Error{ErrorCode::exhausted, "cuda: expected " + std::to_string(bytes) +
                                          " bytes of host memory, locked in place, for " +
                                          std::string{what} +
                                          ", got out of memory: " + pages(_SC_AVPHYS_PAGES) +
                                          " of " + pages(_SC_PHYS_PAGES) + " bytes are free"};
  }
  std::memset(block, 0, bytes);
  return lend(pinned_pool_, block, bytes);
}

}  // namespace troupe::gpu::cuda
