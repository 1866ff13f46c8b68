#pragma once

#include <cuda_runtime.h>

#include "gpu/cuda/kernels/elements.cuh"

/// Sums and maxima over a team of threads, a warp or a whole block, in an order that only its size fixes.
namespace troupe::gpu::cuda {

inline constexpr int warp_threads = 32;
inline constexpr unsigned all_lanes = 0xFFFFFFFF;

struct Plus {
  __device__ __forceinline__ static double join(double a, double b) { return a + b; }
};
/// NaN never wins.
struct Larger {
  __device__ __forceinline__ static float join(float a, float b) { return b > a ? b : a; }
};

/// What all lanes of the warp hold, joined; the same in each of them.
template <class Join, class T>
__device__ __forceinline__ T over_warp(T value) {
#pragma unroll
  for (int lanes = warp_threads / 2; lanes > 0; lanes /= 2) {
    value = Join::join(value, __shfl_xor_sync(all_lanes, value, lanes));
  }
  return value;
}

/// The same over a block. All of its threads must call it.
template <class Join, class T>
__device__ __forceinline__ T over_block(T value) {
  constexpr int warps = block_threads / warp_threads;
  __shared__ T of_warp[warps];
  value = over_warp<Join>(value);
  if (threadIdx.x % warp_threads == 0) of_warp[threadIdx.x / warp_threads] = value;
  __syncthreads();
  T joined = of_warp[0];
#pragma unroll
  for (int warp = 1; warp < warps; ++warp) joined = Join::join(joined, of_warp[warp]);
  __syncthreads();  // before the next call writes
  return joined;
}

/// How the threads of a block share rows: a warp a row, or all of them one row.
template <bool whole_block>
struct Team {
  static constexpr int threads = whole_block ? static_cast<int>(block_threads) : warp_threads;
  static constexpr int rows_at_once = static_cast<int>(block_threads) / threads;

  __device__ __forceinline__ static int member() { return static_cast<int>(threadIdx.x) % threads; }
  __device__ __forceinline__ static std::int64_t first_row() {
    return std::int64_t{blockIdx.x} * rows_at_once + static_cast<int>(threadIdx.x) / threads;
  }
  __device__ __forceinline__ static std::int64_t row_stride() {
    return std::int64_t{gridDim.x} * rows_at_once;
  }
  template <class Join, class T>
  __device__ __forceinline__ static T over(T value) {
    if constexpr (whole_block) {
      return over_block<Join>(value);
    } else {
      return over_warp<Join>(value);
    }
  }
};

/// Rows longer than this are a block's work.
inline constexpr std::int64_t longest_warp_row = 1024;

}  // namespace troupe::gpu::cuda
