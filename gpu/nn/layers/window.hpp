#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gpu/nn/layer.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::nn::layers {

/// The attributes that convolution and pooling have in common: kernel, stride, padding ("same", "valid", one
/// number, [height, width] or [top, bottom, left, right]) and dilation.
class Window {
 public:
  /// A stride that is absent is 1, or the kernel where `stride_is_kernel`.
  Window(AttributeReader& attributes, bool stride_is_kernel, bool dilates);

  /// Geometry over an [h, w, c] input, one row; out_channels 0 stands for those of the input. Adds what does
  /// not fit to `problems`.
  ConvolutionGeometry over(std::string_view name, const Shape& input, std::int64_t out_channels,
                           std::int64_t groups, Problems& problems) const;

 private:
  std::array<std::int64_t, 2> kernel_{1, 1}, stride_{1, 1}, dilation_{1, 1};
  std::array<std::int64_t, 4> padding_{0, 0, 0, 0};
  bool same_ = false;
};

}  // namespace troupe::gpu::nn::layers
