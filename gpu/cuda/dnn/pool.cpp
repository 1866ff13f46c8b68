#include <cstdint>
#include <memory>
#include <string>

#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/plan_node.hpp"
#include "gpu/reference/checks.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

constexpr std::int64_t most_taps = 127;  // which of them won is kept in a signed byte

/// @throws Error bad_input for a window that may see padding alone; unsupported for one whose taps a byte cannot count.
void check(const Operation& operation, const ConvolutionGeometry& g, PoolKind kind) {
  reference::check_pooling(operation, g);
  if (g.pad_top >= g.kernel_height || g.pad_bottom >= g.kernel_height ||
      g.pad_left >= g.kernel_width || g.pad_right >= g.kernel_width) {
    throw Error{ErrorCode::bad_input,
                "cuda: " + describe(operation) + ": expected a padding smaller than the window"};
  }
  if (kind == PoolKind::max && g.kernel_height * g.kernel_width > most_taps) {
    throw Error{ErrorCode::unsupported,
                "cuda: " + describe(operation) + ": expected at most " + std::to_string(most_taps) +
                    " values in a window, got " + std::to_string(g.kernel_height * g.kernel_width)};
  }
}

std::size_t outputs(const ConvolutionGeometry& g) {
  return static_cast<std::size_t>(g.rows * g.out_height * g.out_width * g.out_channels);
}

template <class Op>
std::unique_ptr<Node> pool_node(Context& context, const Op& op) {
  check(op, op.geometry, op.kind);
  return plan_node(context, context.plan(graph_of(op), describe(op)), operand_count(op));
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const Pool& op) {
  return pool_node(context, op);
}

std::unique_ptr<Node> make_node(Context& context, const PoolBackward& op) {
  return pool_node(context, op);
}

std::size_t workspace_bytes(const Pool& op) {
  return op.kind == PoolKind::max && op.training ? outputs(op.geometry) : 0;
}

std::size_t workspace_bytes(const PoolBackward& op) {
  return op.kind == PoolKind::max ? outputs(op.geometry) : 0;
}

}  // namespace troupe::gpu::cuda::dnn
