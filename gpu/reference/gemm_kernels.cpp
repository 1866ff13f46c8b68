#include <cstdint>
#include <cstring>

#include "gpu/reference/gemm.hpp"
#include "gpu/reference/gemm_blocks.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/lanes.hpp"
#include "gpu/reference/window.hpp"

// 512 x 512 x 512 on one core of Zen 4, in GFLOP/s, of some 118 that products and sums reach there without
// contraction: baseline 36, avx2 93, avx512 72; the three ways in which operands lie differ by 2 %.
namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

TROUPE_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

/// Elements [first, first + count) of a row: where they lie, or a copy in `buffer`.
TROUPE_INLINE const float* read_row(const Rows& rows, std::int64_t row, std::int64_t first,
                                    std::int64_t count, float* buffer) {
  if (rows.patches == nullptr) return rows.data + row * rows.stride + first;
  for_each_run(
      *rows.patches, row, first, first + count,
      [&](std::int64_t at, std::int64_t length, std::int64_t offset) {
        for (std::int64_t i = 0; i < length; ++i) buffer[at + i] = rows.data[offset + i];
      },
      [&](std::int64_t at, std::int64_t length) {
        for (std::int64_t i = 0; i < length; ++i) buffer[at + i] = 0.0F;
      });
  return buffer;
}

constexpr float no_row[gemm_run] = {};

/// Copies the block of `count` rows of a (columns of b) from `first`, and `depth` of k from `first_k`, into
/// panels [depth][Width], one after the other; the last is filled up with zeros.
template <std::int64_t Width>
void pack(const Rows& rows, std::int64_t first, std::int64_t count, std::int64_t first_k,
          std::int64_t depth, float* panels) {
  alignas(64) float buffer[Width * gemm_run > gemm_columns ? Width * gemm_run : gemm_columns];
  if (rows.along_k) {
    for (std::int64_t at = 0; at < count; at += Width, panels += Width * depth) {
      const std::int64_t present = smaller(Width, count - at);
      const float* lines[Width];
      for (std::int64_t i = 0; i < present; ++i) {
        lines[i] = read_row(rows, first + at + i, first_k, depth, buffer + i * gemm_run);
      }
      for (std::int64_t i = present; i < Width; ++i) lines[i] = no_row;
      for (std::int64_t k = 0; k < depth; ++k) {
#pragma GCC unroll 16
        for (std::int64_t i = 0; i < Width; ++i) panels[k * Width + i] = lines[i][k];
      }
    }
    return;
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    const float* const line = read_row(rows, first_k + k, first, count, buffer);
    std::int64_t at = 0;
    for (; at + Width <= count; at += Width) {
      std::memcpy(panels + at * depth + k * Width, line + at, sizeof(float) * Width);
    }
    if (at == count) continue;
    float* const last = panels + at * depth + k * Width;
    for (std::int64_t i = 0; i < Width; ++i) last[i] = at + i < count ? line[at + i] : 0.0F;
  }
}

// As many sums as the registers hold: 16 of 32, 8 of 16, 8 of 16.
#if defined(__AVX512F__)
constexpr int tile_rows = 8, tile_panels = 2;
#elif defined(__AVX2__)
constexpr int tile_rows = 4, tile_panels = 1;
#else
constexpr int tile_rows = 2, tile_panels = 1;
#endif

constexpr std::int64_t tile_stride = tile_panels * panel_columns;

/// tile [panel_rows][tile_stride] = a panel of a times `Panels` panels of b.
template <int Panels>
TROUPE_INLINE void multiply_panels(const float* a, const float* b, std::int64_t depth,
                                   float* tile) {
  for (std::int64_t row = 0; row < panel_rows; row += tile_rows) {
    Lanes<float> sums[tile_rows][Panels];
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < Panels; ++j) sums[i][j] = Lanes<float>::all(0.0F);
    }
    for (std::int64_t k = 0; k < depth; ++k) {
      Lanes<float> columns[Panels];
#pragma GCC unroll 2
      for (int j = 0; j < Panels; ++j) {
        columns[j] = Lanes<float>::load(b + (j * depth + k) * panel_columns);
      }
#pragma GCC unroll 8
      for (int i = 0; i < tile_rows; ++i) {
        const Lanes<float> factor = Lanes<float>::all(a[k * panel_rows + row + i]);
#pragma GCC unroll 2
        for (int j = 0; j < Panels; ++j) sums[i][j] = sums[i][j] + factor * columns[j];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < Panels; ++j) {
        sums[i][j].store(tile + (row + i) * tile_stride + j * panel_columns);
      }
    }
  }
}

/// Adds a tile of sums to c, at (row, column).
void add_tile(const Product& product, const float* tile, std::int64_t row, std::int64_t column,
              std::int64_t width, bool first_run, bool last_run) {
  const std::int64_t height = smaller(panel_rows, product.m - row);
  const float* const bias = last_run ? product.bias : nullptr;
  for (std::int64_t i = 0; i < height; ++i) {
    float* const c = product.c + (row + i) * product.c_stride + column;
    const float* const sums = tile + i * tile_stride;
    if (first_run) {
      for (std::int64_t j = 0; j < width; ++j) c[j] = sums[j];
    } else {
      for (std::int64_t j = 0; j < width; ++j) c[j] = c[j] + sums[j];
    }
    if (bias != nullptr) {
      for (std::int64_t j = 0; j < width; ++j) c[j] = c[j] + bias[column + j];
    }
    if (last_run && product.relu) {
      for (std::int64_t j = 0; j < width; ++j) c[j] = relu(c[j]);
    }
  }
}

void multiply(const Product& product, float* scratch) {
  const std::int64_t m = product.m, n = product.n, k = product.k;
  float* const a_panels = scratch;
  float* const b_panels =
      scratch + rounded_up(smaller(m, gemm_rows), panel_rows) * smaller(k, gemm_run);
  for (std::int64_t column = 0; column < n; column += gemm_columns) {
    const std::int64_t columns = smaller(gemm_columns, n - column);
    for (std::int64_t first_k = 0; first_k < k; first_k += gemm_run) {
      const std::int64_t depth = smaller(gemm_run, k - first_k);
      pack<panel_columns>(product.b, column, columns, first_k, depth, b_panels);
      for (std::int64_t row = 0; row < m; row += gemm_rows) {
        const std::int64_t rows = smaller(gemm_rows, m - row);
        pack<panel_rows>(product.a, row, rows, first_k, depth, a_panels);
        for (std::int64_t i = 0; i < rows; i += panel_rows) {
          for (std::int64_t j = 0; j < columns; j += tile_stride) {
            alignas(64) float tile[panel_rows * tile_stride];
            const float* const a = a_panels + i * depth;
            const float* const b = b_panels + j * depth;
            const std::int64_t width = smaller(tile_stride, columns - j);
            if (width > panel_columns) {
              multiply_panels<tile_panels>(a, b, depth, tile);
            } else {
              multiply_panels<1>(a, b, depth, tile);
            }
            add_tile(product, tile, row + i, column + j, width, first_k == 0, first_k + depth == k);
          }
        }
      }
    }
  }
}

void column_sums(const float* values, std::int64_t rows, std::int64_t columns, float* sums) {
  for (std::int64_t column = 0; column < columns; column += lanes) {
    const std::int64_t width = smaller(lanes, columns - column);
    Lanes<float> sum = Lanes<float>::all(0.0F);
    for (std::int64_t first = 0; first < rows; first += gemm_run) {
      const std::int64_t last = smaller(rows, first + gemm_run);
      Lanes<float> run = Lanes<float>::all(0.0F);
      for (std::int64_t row = first; row < last; ++row) {
        run = run + load_some(values + row * columns + column, width);
      }
      sum = first == 0 ? run : sum + run;
    }
    store_some(sum, sums + column, width);
  }
}

}  // namespace

const GemmTable gemm_table = {multiply, column_sums};

}  // namespace troupe::gpu::reference::TROUPE_ISA
