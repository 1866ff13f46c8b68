#pragma once

#include <memory>

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda {

/// A node of our own kernels (gpu/cuda/kernels); null for an operation that a library of NVIDIA's does: dense layers,
/// convolutions, pools, norms in training, softmax; and for Signal.
/// @throws Error bad_input as the portable kernels do, unsupported for a type or a number of inputs that no kernel takes.
std::unique_ptr<Node> make_own_node(const Operation& operation);

}  // namespace troupe::gpu::cuda
