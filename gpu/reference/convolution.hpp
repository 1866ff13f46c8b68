#pragma once

#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Products of matrices whose rows are patches, gathered block by block (gemm.hpp), for each group; where every
/// channel is a group of its own, loops over positions and taps (depthwise.hpp).
///
/// Forward sums over a patch, backward weights over positions, both as gemm.hpp says; backward data sums over
/// output channels so, and adds the results to dx position by position.
std::unique_ptr<Kernel> make_kernel(const Convolution& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const ConvolutionBackwardData& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const ConvolutionBackwardWeights& operation, Isa isa);

}  // namespace troupe::gpu::reference
