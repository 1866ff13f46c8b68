#pragma once

#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Whether every channel is a group of its own, with one output channel.
constexpr bool is_depthwise(const ConvolutionGeometry& geometry) {
  return geometry.groups == geometry.in_channels && geometry.groups == geometry.out_channels;
}

std::unique_ptr<Kernel> make_depthwise(const Convolution& operation, Isa isa);
std::unique_ptr<Kernel> make_depthwise(const ConvolutionBackwardData& operation, Isa isa);
std::unique_ptr<Kernel> make_depthwise(const ConvolutionBackwardWeights& operation, Isa isa);

}  // namespace troupe::gpu::reference
