#pragma once

#include <cstdint>

#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// How a product is cut (K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008,
/// section 5): blocks of a and b are copied into panels that lie in the order in which the innermost loop
/// reads them. A block of a takes 128 KiB and one of b 512 KiB, so both stay in a second-level cache.
constexpr std::int64_t gemm_rows = 128;     ///< of a block of a
constexpr std::int64_t gemm_columns = 512;  ///< of a block of b
constexpr std::int64_t panel_rows = 8;      ///< of a panel of a
constexpr std::int64_t panel_columns = 16;  ///< of a panel of b: the lanes

TROUPE_INLINE constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace troupe::gpu::reference
