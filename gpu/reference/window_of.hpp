#pragma once

#include "gpu/operation.hpp"
#include "gpu/reference/window.hpp"

namespace troupe::gpu::reference {

/// The window of the geometry's first group.
inline Window window_of(const ConvolutionGeometry& g) {
  return {.rows = g.rows,
          .in_height = g.in_height,
          .in_width = g.in_width,
          .in_channels = g.in_channels,
          .out_height = g.out_height,
          .out_width = g.out_width,
          .kernel_height = g.kernel_height,
          .kernel_width = g.kernel_width,
          .stride_height = g.stride_height,
          .stride_width = g.stride_width,
          .dilation_height = g.dilation_height,
          .dilation_width = g.dilation_width,
          .pad_top = g.pad_top,
          .pad_left = g.pad_left,
          .channels = g.in_channels / g.groups,
          .first_channel = 0};
}

}  // namespace troupe::gpu::reference
