#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/scratch.hpp"
#include "gpu/cuda/kernels/activation.hpp"
#include "gpu/cuda/kernels/bias.hpp"
#include "gpu/cuda/kernels/column_sums.hpp"
#include "gpu/reference/checks.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

/// A node that is one graph, whose operands are the operation's.
std::unique_ptr<Node> plan_node(Context& context, std::shared_ptr<const Plan> plan,
                                std::size_t operands) {
  return node_of(plan->workspace_bytes(),
                 [&context, plan, operands](StreamHandle stream, void* const* o, void* scratch) {
                   plan->execute(context.target().handle(), stream, {o, operands}, scratch);
                 });
}

/// Whether to ask cuDNN for the activation in the same graph. In f32 it has engines of speed with relu alone: for the
/// others it offers one that is general and slow.
bool may_fuse(const Convolution& op) {
  if (op.activation == Activation::none) return false;
  return op.activation == Activation::relu ||
         (op.type != DType::f32 && differentiable_from_output(op.activation));
}

struct FusedPlan {
  std::shared_ptr<const Plan> plan;
  Fused fused;
};

/// As much in one graph as there is an engine for.
FusedPlan fused_plan(Context& context, const Convolution& op, const std::string& layer) {
  if (may_fuse(op)) {
    const Fused fused{op.bias, true};
    if (auto plan = context.find_plan(graph_of(op, fused), layer + " with activation"))
      return {plan, fused};
  }
  if (op.bias) {
    const Fused fused{true, false};
    if (auto plan = context.find_plan(graph_of(op, fused), layer + " with bias"))
      return {plan, fused};
  }
  return {context.plan(graph_of(op, {}), layer), {}};
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const Convolution& op) {
  reference::check_geometry(op, op.geometry);
  const auto [plan, fused] = fused_plan(context, op, describe(op));
  if (fused.bias == op.bias && fused.activation == (op.activation != Activation::none))
    return plan_node(context, plan, operand_count(op));
  return node_of(plan->workspace_bytes(), [&context, op, plan = plan, fused = fused](
                                              StreamHandle stream, void* const* o, void* scratch) {
    void* const y = o[op.bias ? 3 : 2];
    const ConvolutionGeometry& g = op.geometry;
    const std::int64_t rows = g.rows * g.out_height * g.out_width;
    std::array<void*, 4> addresses{o[0], o[1], fused.bias ? o[2] : y, y};
    plan->execute(context.target().handle(), stream,
                  {addresses.data(), fused.bias ? 4U : 3U}, scratch);
    if (op.bias && !fused.bias) {
      add_bias(stream, op.type, op.activation, rows, g.out_channels,
               static_cast<const float*>(o[2]), y);
    } else {
      activate(stream, op.type, op.activation, rows * g.out_channels, y, y);
    }
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
  const ConvolutionGeometry& g = op.geometry;
  const std::int64_t rows = g.rows * g.out_height * g.out_width;
  const std::size_t bytes =
      std::max(plan->workspace_bytes(), column_sums_scratch_bytes(rows, g.out_channels));
  return node_of(bytes, [&context, op, plan, rows](StreamHandle stream, void* const* o,
                                                   void* scratch) {
    plan->execute(context.target().handle(), stream, {o, 3}, scratch);
    column_sums(stream, op.type, rows, op.geometry.out_channels, o[1], static_cast<float*>(o[3]),
                scratch);
  });
}

}  // namespace troupe::gpu::cuda::dnn
