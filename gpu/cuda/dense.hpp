#pragma once

#include <memory>

#include "gpu/cuda/matmul.hpp"
#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

/// Dense layers by cuBLASLt. An activation other than relu is none of theirs (gpu::without_activation): null.
/// @throws Error unsupported with the operation's shape where cuBLASLt has no algorithm.
namespace troupe::gpu::cuda {

std::unique_ptr<Node> make_node(BlasContext& context, const Dense& op);
std::unique_ptr<Node> make_node(BlasContext& context, const DenseBackwardData& op);
std::unique_ptr<Node> make_node(BlasContext& context, const DenseBackwardWeights& op);

}  // namespace troupe::gpu::cuda
