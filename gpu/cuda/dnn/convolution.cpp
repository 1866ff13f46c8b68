#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/plan_node.hpp"
#include "gpu/cuda/kernels/bias.hpp"
#include "gpu/cuda/kernels/column_sums.hpp"
#include "gpu/reference/checks.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

/// Whether to ask cuDNN for the activation in the same graph. In f32 it has engines of speed for a relu behind a bias
/// alone: for others it offers none, or one that is general and slow.
bool may_fuse(const Convolution& op) {
  if (op.type == DType::f32) return op.bias && op.activation == Activation::relu;
  return differentiable_from_output(op.activation);
}

std::int64_t positions(const ConvolutionGeometry& g) {
  return g.rows * g.out_height * g.out_width;
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const Convolution& op) {
  reference::check_geometry(op, op.geometry);
  const std::string layer = describe(op);
  if (op.activation != Activation::none) {
    if (!may_fuse(op)) return nullptr;
    auto plan = context.find_plan(graph_of(op, {op.bias, true}),
                                  layer + " with " + to_string(op.activation));
    return plan ? plan_node(context, plan, operand_count(op)) : nullptr;
  }
  if (!op.bias) return plan_node(context, context.plan(graph_of(op, {}), layer), 3);
  if (auto plan = context.find_plan(graph_of(op, {true, false}), layer + " with bias"))
    return plan_node(context, plan, 4);
  const auto plan = context.plan(graph_of(op, {}), layer);
  return node_of(plan->workspace_bytes(),
                 [&context, op, plan](StreamHandle stream, void* const* o, void* scratch) {
                   const std::array<void*, 3> addresses{o[0], o[1], o[3]};
                   plan->execute(context.target().handle(), stream, addresses, scratch);
                   add_bias(stream, op.type, o[3], static_cast<const float*>(o[2]),
                            positions(op.geometry), op.geometry.out_channels, false);
                 });
}

std::unique_ptr<Node> make_node(Context& context, const ConvolutionBackwardData& op) {
  reference::check_geometry(op, op.geometry);
  return plan_node(context, context.plan(graph_of(op), describe(op)), operand_count(op));
}

std::unique_ptr<Node> make_node(Context& context, const ConvolutionBackwardWeights& op) {
  reference::check_geometry(op, op.geometry);
  const auto plan = context.plan(graph_of(op), describe(op));
  if (!op.bias) return plan_node(context, plan, operand_count(op));
  const std::int64_t rows = positions(op.geometry);
  const std::size_t bytes =
      std::max(plan->workspace_bytes(), column_sums_scratch_bytes(rows, op.geometry.out_channels));
  return node_of(bytes,
                 [&context, op, plan, rows](StreamHandle stream, void* const* o, void* scratch) {
                   plan->execute(context.target().handle(), stream, {o, 3}, scratch);
                   column_sums(stream, op.type, rows, op.geometry.out_channels, o[1],
                               static_cast<float*>(o[3]), scratch);
                 });
}

}  // namespace troupe::gpu::cuda::dnn
