#include "gpu/cuda/kernels/dropout.hpp"

#include "gpu/cuda/kernels/elements.cuh"
#include "runtime/base/random.hpp"

namespace troupe::gpu::cuda {
namespace {

/// Of one block of Philox.
constexpr int draws = 4;

/// A thread takes the elements of one block of draws; `count` of them at once.
template <int count, class T>
__global__ void __launch_bounds__(block_threads)
    drop(const T* x, T* y, std::int64_t rows, std::int64_t width, float rate, float scale,
         std::uint32_t layer, const StepState* step) {
  const std::int64_t row_blocks = (width + draws - 1) / draws;
  const PhiloxKey key = philox_key(step->seed);
  const std::uint64_t position = step->position;
  for (std::int64_t index = grid_thread(); index < rows * row_blocks; index += grid_threads()) {
    const std::int64_t row = index / row_blocks, block = index % row_blocks;
    const Draw4 bits = philox4x32_10(
        key, draw_counter(position + static_cast<std::uint64_t>(row), Purpose::dropout, layer,
                          static_cast<std::uint32_t>(block)));
    const std::int64_t first = row * width + block * draws;
#pragma unroll
    for (int k = 0; k < draws; k += count) {
      if (block * draws + k >= width) break;
      Values<count> values = load<count>(x + first + k);
#pragma unroll
      for (int j = 0; j < count; ++j) {
        const float kept = values.at[j] * scale;
        values.at[j] = uniform(bits[static_cast<std::size_t>(k + j)]) < rate ? 0.0F : kept;
      }
      store(y + first + k, values);
    }
  }
}

}  // namespace

void dropout(StreamHandle stream, const Dropout& op, const void* x, const StepState* step,
             void* y) {
  if (op.rows == 0 || op.width == 0) return;
  with_element(op.type, [&]<class T>(T) {
    const auto* const from = static_cast<const T*>(x);
    auto* const to = static_cast<T*>(y);
    const bool at_once = op.width % draws == 0 && aligned<draws>(from, to);
    launch(at_once ? drop<draws, T> : drop<1, T>, blocks_for(op.rows * ((op.width + 3) / draws)),
           {block_threads}, stream, from, to, op.rows, op.width, op.rate, 1.0F / (1.0F - op.rate),
           op.layer, step);
  });
}

}  // namespace troupe::gpu::cuda
