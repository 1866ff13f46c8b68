#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "tests/support/cuda_emulator/cuda_runtime_api.h"
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

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

/// The sizes are checked at once; the kernel runs when the stream does.
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  using troupe::test::cuda_emulator::Index3;
  const Index3 blocks{config->gridDim.x, config->gridDim.y, config->gridDim.z};
  const Index3 threads{config->blockDim.x, config->blockDim.y, config->blockDim.z};
  if (!troupe::test::cuda_emulator::valid(blocks, threads)) return cudaErrorInvalidConfiguration;
  return enqueue(
      config->stream,
      [=, parameters = std::tuple<Parameters...>{std::forward<Arguments>(arguments)...}] {
        troupe::test::cuda_emulator::run(blocks, threads, [&] { std::apply(kernel, parameters); });
      });
}
