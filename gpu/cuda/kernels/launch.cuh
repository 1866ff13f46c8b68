#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "gpu/cuda/kernels/launch_error.hpp"

namespace troupe::gpu::cuda {

/// Enqueues `kernel` with a grid of `blocks` times `threads`. @throws Error with CUDA's text.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, cudaStream_t stream,
            Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.stream = stream;
  const cudaError_t status =
      cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  if (status != cudaSuccess) fail_launch(status, cudaGetErrorString(status));
}

}  // namespace troupe::gpu::cuda
