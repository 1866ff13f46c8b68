#include "gpu/cuda/kernels/column_sums.hpp"

#include "gpu/cuda/kernels/block_sum.cuh"
#include "gpu/cuda/kernels/elements.cuh"

namespace troupe::gpu::cuda {
namespace {

/// A block sums a strip of rows in a tile of columns: a warp reads a row of the tile, and rows take turns among the
/// block's warps.
constexpr std::int64_t tile_columns = warp_threads;
constexpr int warps = static_cast<int>(block_threads) / warp_threads;
/// Enough strips to keep a GPU busy with a single tile, and not so many that the second stage has much to do.
constexpr std::int64_t most_strips = 128, least_strip_rows = 64;

std::int64_t strips_of(std::int64_t rows) {
  return std::clamp(rows / least_strip_rows, std::int64_t{1}, most_strips);
}

template <class T>
__global__ void __launch_bounds__(block_threads)
    sum_strips(const T* x, std::int64_t rows, std::int64_t columns, std::int64_t strip_rows,
               double* partial) {
  __shared__ double of_warp[warps][warp_threads];
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const std::int64_t column = std::int64_t{blockIdx.x} * tile_columns + lane;
  const std::int64_t begin = std::int64_t{blockIdx.y} * strip_rows;
  const std::int64_t end = begin + strip_rows < rows ? begin + strip_rows : rows;
  double sum = 0.0;
  if (column < columns) {
    for (std::int64_t row = begin + warp; row < end; row += warps) {
      sum += static_cast<double>(value_of(x[row * columns + column]));
    }
  }
  of_warp[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && column < columns) {
    for (int other = 1; other < warps; ++other) sum += of_warp[other][lane];
    partial[std::int64_t{blockIdx.y} * columns + column] = sum;
  }
}

__global__ void __launch_bounds__(block_threads)
    sum_partials(const double* partial, std::int64_t strips, std::int64_t columns, float* sums) {
  for (std::int64_t column = grid_thread(); column < columns; column += grid_threads()) {
    double sum = 0.0;
    for (std::int64_t strip = 0; strip < strips; ++strip) sum += partial[strip * columns + column];
    sums[column] = static_cast<float>(sum);
  }
}

}  // namespace

std::size_t column_sums_scratch_bytes(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(strips_of(rows) * columns) * sizeof(double);
}

void column_sums(StreamHandle stream, DType type, std::int64_t rows, std::int64_t columns,
                 const void* x, float* sums, void* scratch) {
  if (columns == 0) return;
  const std::int64_t strips = strips_of(rows);
  const std::int64_t tiles = (columns + tile_columns - 1) / tile_columns;
  auto* const partial = static_cast<double*>(scratch);
  with_element(type, [&]<class T>(T) {
    launch(sum_strips<T>, {static_cast<unsigned>(tiles), static_cast<unsigned>(strips)},
           {block_threads}, stream, static_cast<const T*>(x), rows, columns,
           (rows + strips - 1) / strips, partial);
  });
  launch(sum_partials, blocks_for(columns), {block_threads}, stream, partial, strips, columns,
         sums);
}

}  // namespace troupe::gpu::cuda
