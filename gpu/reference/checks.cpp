#include "gpu/reference/checks.hpp"

#include <string>

#include "runtime/base/error.hpp"

namespace troupe::gpu::reference {

void check_sizes(const Operation& operation, std::initializer_list<std::int64_t> sizes) {
  for (const std::int64_t size : sizes) {
    if (size < 1) {
      throw Error{
          ErrorCode::bad_input,
          name_of(operation) + ": expected sizes of at least 1, got " + std::to_string(size)};
    }
  }
}

void check_geometry(const Operation& operation, const ConvolutionGeometry& g) {
  check_sizes(operation, {g.rows, g.in_height, g.in_width, g.in_channels, g.out_height, g.out_width,
                          g.out_channels, g.kernel_height, g.kernel_width, g.stride_height,
                          g.stride_width, g.dilation_height, g.dilation_width, g.groups});
  if (g.in_channels % g.groups != 0 || g.out_channels % g.groups != 0) {
    throw Error{ErrorCode::bad_input, name_of(operation) + ": expected channels in multiples of " +
                                          std::to_string(g.groups) + " groups, got " +
                                          std::to_string(g.in_channels) + " in and " +
                                          std::to_string(g.out_channels) + " out"};
  }
}

void check_none_or_relu(const Operation& operation, Activation activation) {
  if (activation != Activation::none && activation != Activation::relu) {
    throw Error{ErrorCode::bad_input, name_of(operation) +
                                          ": expected the activation none or relu, got " +
                                          to_string(activation)};
  }
}

}  // namespace troupe::gpu::reference
