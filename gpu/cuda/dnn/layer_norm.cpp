#include <memory>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/reference/checks.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

template <class Norm>
std::unique_ptr<Node> norm_node(Context& context, const Norm& op) {
  reference::check_sizes(op, {op.rows, op.width});
  const auto plan = context.plan(graph_of(op), describe(op));
  return node_of(plan->workspace_bytes(), [&context, plan, operands = operand_count(op)](
                                              StreamHandle stream, void* const* o, void* scratch) {
    plan->execute(context.target().handle(), stream, {o, operands}, scratch);
  });
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const LayerNorm& op) {
  return norm_node(context, op);
}

std::unique_ptr<Node> make_node(Context& context, const LayerNormBackward& op) {
  return norm_node(context, op);
}

}  // namespace troupe::gpu::cuda::dnn
