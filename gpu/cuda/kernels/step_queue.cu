#include "gpu/cuda/kernels/step_queue.hpp"

#include "gpu/cuda/kernels/launch.cuh"

namespace troupe::gpu::cuda {
namespace {

using Word = std::uint64_t;
constexpr unsigned state_words = sizeof(StepState) / sizeof(Word);
constexpr unsigned outcome_words = 2;

/// A thread a word: `from` holds `count` things of so many.
__global__ void take(const Word* from, Word count, Word* cursor, Word* to) {
  const Word at = *cursor % count;
  to[threadIdx.x] = from[at * blockDim.x + threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) *cursor += 1;
}

__global__ void put(const Word* from, Word* to, Word count, Word* cursor) {
  const Word at = *cursor % count;
  to[at * blockDim.x + threadIdx.x] = from[threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) *cursor += 1;
}

}  // namespace

void pop_state(StreamHandle stream, const StepState* states, std::size_t count,
               StepCursors* cursors, StepState* to) {
  launch(take, {1}, {state_words}, stream, reinterpret_cast<const Word*>(states), Word{count},
         &cursors->popped, reinterpret_cast<Word*>(to));
}

void note_outcome(StreamHandle stream, const std::byte* from, std::byte* outcomes,
                  std::size_t count, StepCursors* cursors) {
  launch(put, {1}, {outcome_words}, stream, reinterpret_cast<const Word*>(from),
         reinterpret_cast<Word*>(outcomes), Word{count}, &cursors->noted);
}

}  // namespace troupe::gpu::cuda
