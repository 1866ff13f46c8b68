#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

struct Window;

struct PoolingTable {
  /// `taps`, where not null, gets the tap of each maximum, or -1.
  void (*maximum)(const Window& window, const float* x, float* y, std::int32_t* taps);
  void (*average)(const Window& window, const float* x, float* y);
  // These add to dx, which starts at 0.
  void (*maximum_backward)(const Window& window, const float* dy, const std::int32_t* taps,
                           float* dx);
  void (*average_backward)(const Window& window, const float* dy, float* dx);
};

namespace baseline {
extern const PoolingTable pooling_table;
}
namespace avx2 {
extern const PoolingTable pooling_table;
}
namespace avx512 {
extern const PoolingTable pooling_table;
}

}  // namespace troupe::gpu::reference
