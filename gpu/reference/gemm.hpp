#pragma once

#include <cstdint>

#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

struct Window;

/// A matrix that is read by rows: rows of `data`, `stride` floats apart, or the patches of an image.
struct Rows {
  const float* data;
  std::int64_t stride = 0;
  const Window* patches = nullptr;  ///< then row r is the patch of position r
  bool along_k = true;              ///< a row runs along the sum; else it holds all terms of one k
};

/// c [m, n] = a · b, of a [m, k] and b [k, n], however these lie.
///
/// Each element is summed over k in runs of `gemm_run` products, each run one after the other from 0, and
/// the runs added in order; then the bias, then relu. So its bits depend on its own row of a and column of b
/// alone: not on m, n, the instruction set, or the blocking.
struct Product {
  std::int64_t m, n, k;
  Rows a, b;
  float* c;
  std::int64_t c_stride;
  const float* bias = nullptr;  ///< [n]
  bool relu = false;
};

constexpr std::int64_t gemm_run = 256;

/// Floats of scratch that a product of these sizes needs, aligned to 64 bytes.
std::int64_t gemm_scratch(std::int64_t m, std::int64_t n, std::int64_t k);

struct GemmTable {
  void (*multiply)(const Product& product, float* scratch);
  /// sums [columns] of values [rows, columns], in runs of gemm_run rows as above.
  void (*column_sums)(const float* values, std::int64_t rows, std::int64_t columns, float* sums);
};

namespace baseline {
extern const GemmTable gemm_table;
}
namespace avx2 {
extern const GemmTable gemm_table;
}
namespace avx512 {
extern const GemmTable gemm_table;
}

}  // namespace troupe::gpu::reference
