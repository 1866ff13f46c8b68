#include "gpu/reference/gemm.hpp"

#include <algorithm>

#include "gpu/reference/gemm_blocks.hpp"

namespace troupe::gpu::reference {

std::int64_t gemm_scratch(std::int64_t m, std::int64_t n, std::int64_t k) {
  return (rounded_up(std::min(m, gemm_rows), panel_rows) +
          rounded_up(std::min(n, gemm_columns), panel_columns)) *
         std::min(k, gemm_run);
}

}  // namespace troupe::gpu::reference
