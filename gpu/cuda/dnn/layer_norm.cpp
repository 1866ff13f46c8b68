#include <memory>

#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/plan_node.hpp"
#include "gpu/reference/checks.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

template <class Norm>
std::unique_ptr<Node> norm_node(Context& context, const Norm& op) {
  reference::check_sizes(op, {op.rows, op.width});
  return plan_node(context, context.plan(graph_of(op), describe(op)), operand_count(op));
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const LayerNorm& op) {
  return norm_node(context, op);
}

std::unique_ptr<Node> make_node(Context& context, const LayerNormBackward& op) {
  return norm_node(context, op);
}

}  // namespace troupe::gpu::cuda::dnn
