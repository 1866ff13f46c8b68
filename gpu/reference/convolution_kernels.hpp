#pragma once

#include <cstdint>

namespace troupe::gpu::reference {

struct Window;

struct ConvolutionTable {
  /// Adds the patches of positions [first, first + count), one after the other in `patches`, to the
  /// pixels of `image` that they were seen in.
  void (*add_patches)(const Window& window, std::int64_t first, std::int64_t count,
                      const float* patches, float* image);

  // Where every channel is a group of its own. `weight` is [taps, channels] here.
  /// Sums over taps in order, then the bias, then relu.
  void (*depthwise)(const Window& window, const float* x, const float* weight, const float* bias,
                    bool relu, float* y);
  /// Adds to dx, which starts at 0, position by position.
  void (*depthwise_data)(const Window& window, const float* dy, const float* weight, float* dx);
  /// Sums over positions in runs of gemm_run, as gemm.hpp says. `run` has the size of dweight.
  void (*depthwise_weights)(const Window& window, const float* x, const float* dy, float* run,
                            float* dweight);
};

namespace baseline {
extern const ConvolutionTable convolution_table;
}
namespace avx2 {
extern const ConvolutionTable convolution_table;
}
namespace avx512 {
extern const ConvolutionTable convolution_table;
}

}  // namespace troupe::gpu::reference
