#pragma once

#include <memory>

#include "gpu/cuda/node_factory.hpp"
#include "gpu/cuda_device.hpp"

namespace troupe::gpu::cuda {

/// Nodes by who computes what: cuDNN convolutions, pools, norms and softmax, cuBLASLt dense layers, our own kernels the
/// rest. What a library cannot fuse is two nodes in one.
/// @throws Error unsupported without a driver or that GPU, or where one of them or cuDNN is older than needed.
std::unique_ptr<NodeFactory> make_library_nodes(const CudaOptions& options);

}  // namespace troupe::gpu::cuda
