#pragma once

#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/onednn/context.hpp"
#include "gpu/operation.hpp"

/// A network's first convolution, whose input has one or three channels: oneDNN has no good code for it on NHWC.
/// One thread, AVX-512; 3x3 over 1 or 3 channels or 5x5 over 1, a multiple of 16 output channels, any stride and
/// padding, dilation 1. Null for everything else. GFLOP/s on a core of Zen 4 that peaks at 118, in parentheses
/// those of oneDNN: 1 -> 32 at 28x28 forward 87 (60), weights 108 (48); 3 -> 16 at 32x32 91 (86), 108 (77).
namespace troupe::gpu::onednn {

std::unique_ptr<Kernel> make_narrow_kernel(const Recipe& recipe, const Convolution& op);
std::unique_ptr<Kernel> make_narrow_kernel(const Recipe& recipe,
                                           const ConvolutionBackwardWeights& op);

}  // namespace troupe::gpu::onednn
