#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "tests/support/cuda_emulator/emulator.hpp"

// Stands in for CUDA's header of this name where the host's compiler takes our kernels for C++ and runs them on the CPU,
// so that they can be tested without a GPU: what the kernels use, and no more. How it runs them: emulator.hpp.

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static  // blocks run one after another

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

inline const troupe::test::cuda_emulator::Index3& threadIdx =
    troupe::test::cuda_emulator::position().thread;
inline const troupe::test::cuda_emulator::Index3& blockIdx =
    troupe::test::cuda_emulator::position().block;
inline const troupe::test::cuda_emulator::Index3& blockDim =
    troupe::test::cuda_emulator::position().threads;
inline const troupe::test::cuda_emulator::Index3& gridDim =
    troupe::test::cuda_emulator::position().blocks;

inline void __syncthreads(int line = __builtin_LINE()) {
  troupe::test::cuda_emulator::wait_for_block(line);
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFF, int line = __builtin_LINE()) {
  troupe::test::cuda_emulator::wait_for_warp(mask, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int line = __builtin_LINE()) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = troupe::test::cuda_emulator::exchange(mask, bits, static_cast<unsigned>(lanes), line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline void __threadfence_system() {}
inline unsigned atomicMin(unsigned* address, unsigned value) {
  const unsigned before = *address;
  if (value < before) *address = value;
  return before;
}

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess             ? "no error"
         : error == cudaErrorInvalidValue ? "invalid argument"
                                          : "invalid configuration argument";
}

using cudaStream_t = struct CUstream_st*;
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

/// Runs the kernel before it returns.
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const std::tuple<Parameters...> parameters{std::forward<Arguments>(arguments)...};
  const bool valid =
      troupe::test::cuda_emulator::run({config->gridDim.x, config->gridDim.y, config->gridDim.z},
                                       {config->blockDim.x, config->blockDim.y, config->blockDim.z},
                                       [&] { std::apply(kernel, parameters); });
  return valid ? cudaSuccess : cudaErrorInvalidConfiguration;
}

enum cudaMemcpyKind { cudaMemcpyDeviceToDevice = 3 };
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  if (bytes > 0) std::memset(to, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                                     std::size_t from_pitch, std::size_t width, std::size_t height,
                                     cudaMemcpyKind, cudaStream_t) {
  if (to_pitch < width || from_pitch < width) return cudaErrorInvalidValue;
  for (std::size_t row = 0; row < height && width > 0; ++row) {
    std::memcpy(static_cast<std::byte*>(to) + row * to_pitch,
                static_cast<const std::byte*>(from) + row * from_pitch, width);
  }
  return cudaSuccess;
}
