#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "gpu/cuda/kernels/launch.cuh"
#include "gpu/dtype.hpp"
#include "gpu/formulas/bf16.hpp"
#include "runtime/base/error.hpp"

/// What kernels share that go over elements: element types, packets of them that are loaded at once, and the grid.
namespace troupe::gpu::cuda {

/// Of every kernel of ours.
inline constexpr unsigned block_threads = 256;
/// Enough for the largest GPUs to be full several times over; what is more is a loop. It depends on nothing, and so
/// nothing that is summed depends on the GPU.
inline constexpr std::int64_t most_blocks = 4096;

/// How many blocks give each of `threads` its own.
inline dim3 blocks_for(std::int64_t threads) {
  const std::int64_t blocks = (threads + block_threads - 1) / block_threads;
  return {static_cast<unsigned>(std::clamp(blocks, std::int64_t{1}, most_blocks)), 1, 1};
}

__device__ __forceinline__ std::int64_t grid_thread() {
  return std::int64_t{blockIdx.x} * block_threads + threadIdx.x;
}
__device__ __forceinline__ std::int64_t grid_threads() {
  return std::int64_t{gridDim.x} * block_threads;
}

struct Bf16 {
  std::uint16_t bits;
};

/// Arithmetic is in f32.
__device__ __forceinline__ float value_of(float x) {
  return x;
}
__device__ __forceinline__ float value_of(Bf16 x) {
  return formulas::from_bf16(x.bits);
}
__device__ __forceinline__ float value_of(std::uint8_t x) {
  return static_cast<float>(x);
}
__device__ __forceinline__ float value_of(std::int32_t x) {
  return static_cast<float>(x);
}
__device__ __forceinline__ float value_of(std::int64_t x) {
  return static_cast<float>(x);
}
__device__ __forceinline__ void set(float& to, float value) {
  to = value;
}
__device__ __forceinline__ void set(Bf16& to, float value) {
  to = {formulas::to_bf16(value)};
}

/// How many elements a thread takes at once where arrays of these types go together: the widest fills the 16 bytes that
/// an instruction moves, so that the threads of a warp touch all bytes of a run at once.
template <class... T>
inline constexpr int packet_of = static_cast<int>(16 / std::max({sizeof(T)...}));

template <class T, int count>
struct alignas(count * sizeof(T) < 16 ? count * sizeof(T) : 16) Packet {
  T at[count];
};

template <int count>
struct Values {
  float at[count];
};

template <int count, class T>
__device__ __forceinline__ Values<count> load(const T* from) {
  const auto packet = *reinterpret_cast<const Packet<T, count>*>(from);
  Values<count> values;
#pragma unroll
  for (int k = 0; k < count; ++k) values.at[k] = value_of(packet.at[k]);
  return values;
}

template <int count, class T>
__device__ __forceinline__ void store(T* to, const Values<count>& values) {
  Packet<T, count> packet;
#pragma unroll
  for (int k = 0; k < count; ++k) set(packet.at[k], values.at[k]);
  *reinterpret_cast<Packet<T, count>*>(to) = packet;
}

/// Whether packets of `count` may start at each of these.
template <int count, class... T>
bool aligned(const T*... arrays) {
  return ((reinterpret_cast<std::uintptr_t>(arrays) % alignof(Packet<T, count>) == 0) && ...);
}

/// body.at<count>(i) does elements i ... i + count - 1.
template <int count, class Body>
__global__ void __launch_bounds__(block_threads) over_elements(Body body, std::int64_t elements) {
  const std::int64_t packets = elements / count;
  for (std::int64_t packet = grid_thread(); packet < packets; packet += grid_threads()) {
    body.template at<count>(packet * count);
  }
  if constexpr (count > 1) {
    for (std::int64_t i = packets * count + grid_thread(); i < elements; i += grid_threads()) {
      body.template at<1>(i);
    }
  }
}

/// One launch over all elements, by packets where the arrays are `aligned`.
template <int packet, class Body>
void for_each_element(StreamHandle stream, std::int64_t elements, bool aligned, const Body& body) {
  if (elements <= 0) return;
  if (aligned) {
    launch(over_elements<packet, Body>, blocks_for(elements / packet), {block_threads}, stream,
           body, elements);
  } else {
    launch(over_elements<1, Body>, blocks_for(elements), {block_threads}, stream, body, elements);
  }
}

/// Calls visit(T{}) for the type of an activation or its gradient.
template <class Visit>
void with_element(DType type, Visit visit) {
  switch (type) {
    case DType::f32:
      return visit(float{});
    case DType::bf16:
      return visit(Bf16{});
    default:
      throw Error{ErrorCode::unsupported,
                  "cuda: expected elements of f32 or bf16, got " + std::string{to_string(type)}};
  }
}

}  // namespace troupe::gpu::cuda
