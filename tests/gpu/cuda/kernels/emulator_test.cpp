#include "tests/support/cuda_emulator/cuda_runtime.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr unsigned threads = 96;

/// Each thread reads what its neighbour wrote, so that only the barrier makes it right.
void rotate(int* to, bool waits) {
  __shared__ int shared[threads];
  shared[threadIdx.x] = static_cast<int>(1000 * blockIdx.x + threadIdx.x);
  if (waits) __syncthreads();
  to[blockIdx.x * threads + threadIdx.x] = shared[(threadIdx.x + 1) % threads];
  if (waits) __syncthreads();
}

void sum_of_warp(double* to) {
  double value = static_cast<double>(threadIdx.x) + 0.5;
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xFFFFFFFF, value, lanes);
  to[threadIdx.x] = value;
}

void wait_here_or_there() {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
void wait_or_end() {
  if (threadIdx.x != 7) __syncthreads();
}
void block_or_warp() {
  if (threadIdx.x < 32) {
    __syncwarp();
    __syncwarp();
  }
  if (threadIdx.x != 40) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}
void half_a_warp() {
  if (threadIdx.x < 16) __shfl_xor_sync(0xFFFFFFFF, 1, 1);
}

template <class Kernel, class... Arguments>
cudaError_t launch(Kernel kernel, dim3 blocks, dim3 block, Arguments... arguments) {
  cudaLaunchConfig_t config;
  config.gridDim = blocks;
  config.blockDim = block;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

std::vector<int> rotated(bool waits) {
  std::vector<int> to(3 * threads);
  REQUIRE(launch(rotate, {3}, {threads}, to.data(), waits) == cudaSuccess);
  return to;
}

template <class Kernel>
std::string complaint(Kernel kernel) {
  try {
    launch(kernel, {1}, {64});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos && text.find('\n') == std::string::npos;
}

}  // namespace

TEST_CASE("CUDA emulator: a barrier lets a thread see what the others wrote") {
  const std::vector<int> got = rotated(true);
  for (unsigned block = 0; block < 3; ++block) {
    for (unsigned thread = 0; thread < threads; ++thread) {
      CHECK(got[block * threads + thread] ==
            static_cast<int>(1000 * block + (thread + 1) % threads));
    }
  }
}

TEST_CASE("CUDA emulator: without the barrier the result depends on the order, which differs") {
  std::set<std::vector<int>> results;
  for (int launches = 0; launches < 5; ++launches) results.insert(rotated(false));
  CHECK(results.size() > 1);
}

TEST_CASE("CUDA emulator: shuffles exchange what the lanes of a warp hold") {
  std::vector<double> sums(threads);
  REQUIRE(launch(sum_of_warp, {1}, {threads}, sums.data()) == cudaSuccess);
  for (unsigned thread = 0; thread < threads; ++thread) {
    CHECK(sums[thread] == 512.0 + 1024.0 * (thread / 32));
  }
}

TEST_CASE("CUDA emulator: threads that wait for what never comes are reported in one line") {
  CHECK(says(complaint(wait_here_or_there), "waits for the block at line"));
  CHECK(says(complaint(wait_or_end), "thread 7 has ended"));
  CHECK(says(complaint(block_or_warp), "thread 40 waits for its warp"));
  CHECK(says(complaint(half_a_warp), "thread 16 has ended"));
  // And the next launch works.
  CHECK(rotated(true) == rotated(true));
}

TEST_CASE("CUDA emulator: refuses sizes that CUDA refuses") {
  const auto nothing = +[] {};
  CHECK(launch(nothing, {0}, {1}) == cudaErrorInvalidConfiguration);
  CHECK(launch(nothing, {1}, {1025}) == cudaErrorInvalidConfiguration);
  CHECK(launch(nothing, {1, 65536}, {1}) == cudaErrorInvalidConfiguration);
  CHECK(launch(nothing, {65536}, {1}) == cudaSuccess);
}
