#include "gpu/cuda/kernels/copy.hpp"

#include "gpu/cuda/kernels/elements.cuh"

namespace troupe::gpu::cuda {
namespace {

void check(cudaError_t status) {
  if (status != cudaSuccess) fail_launch(status, cudaGetErrorString(status));
}

using Sixteen = Packet<std::uint32_t, 4>;

template <class Word>
__global__ void __launch_bounds__(block_threads)
    copy_slot(const std::byte* ring, std::size_t slot_bytes, std::int64_t words,
              const StepState* step, Word* to) {
  const auto* const from = reinterpret_cast<const Word*>(ring + step->batch_slot * slot_bytes);
  for (std::int64_t i = grid_thread(); i < words; i += grid_threads()) to[i] = from[i];
}

template <class Word>
void copy_slot_by(StreamHandle stream, const std::byte* ring, std::size_t slot_bytes,
                  std::size_t bytes, const StepState* step, std::byte* to) {
  const auto words = static_cast<std::int64_t>(bytes / sizeof(Word));
  launch(copy_slot<Word>, blocks_for(words), {block_threads}, stream, ring, slot_bytes, words, step,
         reinterpret_cast<Word*>(to));
}

bool in_sixteens(std::uintptr_t value) {
  return value % sizeof(Sixteen) == 0;
}

}  // namespace

void strided_copy(StreamHandle stream, const StridedCopy& copy, const void* x, void* y) {
  const std::byte* const from = static_cast<const std::byte*>(x) + copy.from_offset_bytes;
  std::byte* const to = static_cast<std::byte*>(y) + copy.to_offset_bytes;
  const auto rows = static_cast<std::size_t>(copy.rows);
  const auto width = static_cast<std::size_t>(copy.width_bytes);
  if (rows == 0 || width == 0) return;
  const bool dense =
      copy.from_stride_bytes == copy.width_bytes && copy.to_stride_bytes == copy.width_bytes;
  if (rows == 1 || dense) {
    return check(cudaMemcpyAsync(to, from, rows * width, cudaMemcpyDeviceToDevice, stream));
  }
  check(cudaMemcpy2DAsync(to, static_cast<std::size_t>(copy.to_stride_bytes), from,
                          static_cast<std::size_t>(copy.from_stride_bytes), width, rows,
                          cudaMemcpyDeviceToDevice, stream));
}

void zero(StreamHandle stream, void* y, std::size_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(y, 0, bytes, stream));
}

void copy_batch_slot(StreamHandle stream, const std::byte* ring, std::size_t slot_bytes,
                     std::size_t bytes, const StepState* step, std::byte* to) {
  if (bytes == 0) return;
  if (in_sixteens(reinterpret_cast<std::uintptr_t>(ring)) && in_sixteens(slot_bytes) &&
      in_sixteens(bytes) && in_sixteens(reinterpret_cast<std::uintptr_t>(to))) {
    copy_slot_by<Sixteen>(stream, ring, slot_bytes, bytes, step, to);
  } else {
    copy_slot_by<std::byte>(stream, ring, slot_bytes, bytes, step, to);
  }
}

}  // namespace troupe::gpu::cuda
