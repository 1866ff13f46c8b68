#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

struct DropoutTable {
  static constexpr std::uint32_t purpose = 3;  ///< Purpose::dropout

  /// y [rows, width] = 0 where the uniform draw of JOB-3 at (position + row, Purpose::dropout, layer, element)
  /// is below `rate`, else x / (1 - rate), by multiplication. y may be x.
  void (*dropout)(const float* x, float* y, std::int64_t rows, std::int64_t width, float rate,
                  std::uint64_t seed, std::uint64_t position, std::uint32_t layer);
};

namespace baseline {
extern const DropoutTable dropout_table;
}
namespace avx2 {
extern const DropoutTable dropout_table;
}
namespace avx512 {
extern const DropoutTable dropout_table;
}

}  // namespace troupe::gpu::reference
