#pragma once

#include <cstddef>
#include <memory>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/context.hpp"

namespace troupe::gpu::cuda::dnn {

/// A node that is one graph: its first `operands` operands are the graph's.
inline std::unique_ptr<Node> plan_node(const Context& context, std::shared_ptr<const Plan> plan,
                                       std::size_t operands) {
  return node_of(plan->workspace_bytes(),
                 [&context, plan, operands](StreamHandle stream, void* const* o, void* scratch) {
                   plan->execute(context.target().handle(), stream, {o, operands}, scratch);
                 });
}

}  // namespace troupe::gpu::cuda::dnn
