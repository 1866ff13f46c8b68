#include <utility>
#include <vector>

#include "gpu/onednn/call.hpp"
#include "gpu/onednn/kernels.hpp"
#include "gpu/onednn/primitive_descs.hpp"

namespace troupe::gpu::onednn {
namespace {

Desc nhwc(std::int64_t rows, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return {{rows, channels, height, width},
          dnnl::memory::data_type::f32,
          dnnl::memory::format_tag::nhwc};
}

Desc x_desc(const ConvolutionGeometry& g) {
  return nhwc(g.rows, g.in_channels, g.in_height, g.in_width);
}

Desc y_desc(const ConvolutionGeometry& g) {
  return nhwc(g.rows, g.out_channels, g.out_height, g.out_width);
}

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Pool& op) {
  const Context& context = *recipe.context;
  const Desc x = x_desc(op.geometry), y = y_desc(op.geometry);
  const auto desc = pool_desc(context.engine, op.kind, op.geometry, x, y, op.training);
  if (is_reference(desc)) return nullptr;
  if (op.training && !make_kernel(recipe, PoolBackward{op.kind, op.geometry})) return nullptr;
  Call call{context, dnnl::pooling_forward{desc}, desc};
  call.operand(DNNL_ARG_SRC, x, 0).operand(DNNL_ARG_DST, y, 1);
  if (op.kind == PoolKind::max && op.training)
    call.operand(DNNL_ARG_WORKSPACE, desc.workspace_desc(), 2);
  return std::make_unique<CallKernel>(recipe, std::vector{std::move(call)});
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const PoolBackward& op) {
  const Context& context = *recipe.context;
  const Desc x = x_desc(op.geometry), y = y_desc(op.geometry);
  const auto desc = pool_backward_desc(context.engine, op.kind, op.geometry, x, y);
  if (is_reference(desc) ||
      is_reference(pool_desc(context.engine, op.kind, op.geometry, x, y, true)))
    return nullptr;
  Call call{context, dnnl::pooling_backward{desc}, desc};
  call.operand(DNNL_ARG_DIFF_DST, y, 0);
  const bool maximum = op.kind == PoolKind::max;
  if (maximum) call.operand(DNNL_ARG_WORKSPACE, desc.workspace_desc(), 1);
  call.operand(DNNL_ARG_DIFF_SRC, x, maximum ? 2 : 1);
  return std::make_unique<CallKernel>(recipe, std::vector{std::move(call)});
}

std::size_t workspace_bytes(const Context& context, const Pool& op) {
  const auto desc = pool_desc(context.engine, op.kind, op.geometry, x_desc(op.geometry),
                              y_desc(op.geometry), op.training);
  return desc.workspace_desc().get_size();
}

std::size_t workspace_bytes(const Context& context, const PoolBackward& op) {
  return workspace_bytes(context, Pool{op.kind, op.geometry});
}

}  // namespace troupe::gpu::onednn
