#include <cstdint>
#include <memory>
#include <string>

#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/plan_node.hpp"
#include "gpu/reference/checks.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

/// @throws Error bad_input for a window that may see padding alone.
void check_pool(const Operation& operation, const ConvolutionGeometry& g) {
  reference::check_pooling(operation, g);
  if (g.pad_top >= g.kernel_height || g.pad_bottom >= g.kernel_height ||
      g.pad_left >= g.kernel_width || g.pad_right >= g.kernel_width) {
    throw Error{ErrorCode::bad_input,
                "cuda: " + describe(operation) + ": expected a padding smaller than the window"};
  }
}

std::size_t index_bytes(const ConvolutionGeometry& g) {
  const auto outputs =
      static_cast<std::size_t>(g.rows * g.out_height * g.out_width * g.out_channels);
  return outputs * (index_type(g) == CUDNN_DATA_INT8 ? 1 : 4);
}

template <class Op>
std::unique_ptr<Node> pool_node(Context& context, const Op& op) {
  check_pool(op, op.geometry);
  const std::string layer = describe(op) + (op.kind == PoolKind::max ? ", maximum" : ", average");
  return plan_node(context, context.plan(graph_of(op), layer), operand_count(op));
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const Pool& op) {
  return pool_node(context, op);
}

std::unique_ptr<Node> make_node(Context& context, const PoolBackward& op) {
  return pool_node(context, op);
}

std::size_t workspace_bytes(const Pool& op) {
  return op.kind == PoolKind::max && op.training ? index_bytes(op.geometry) : 0;
}

std::size_t workspace_bytes(const PoolBackward& op) {
  return op.kind == PoolKind::max ? index_bytes(op.geometry) : 0;
}

}  // namespace troupe::gpu::cuda::dnn
