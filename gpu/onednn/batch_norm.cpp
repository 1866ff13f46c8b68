#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "gpu/onednn/call.hpp"
#include "gpu/onednn/kernels.hpp"
#include "gpu/onednn/primitive_descs.hpp"
#include "gpu/onednn/wide_batch_norm.hpp"

namespace troupe::gpu::onednn {
namespace {

/// As an image that is one pixel wide: the sums then run over the whole of it.
Desc x_desc(std::int64_t count, std::int64_t channels) {
  return {{1, channels, count, 1}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc};
}

Desc per_channel(std::int64_t channels) {
  return {{channels}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a};
}

Desc statistics(std::int64_t channels) {
  return {{1, channels}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab};
}

/// Adds the moments of JOB-4 to what oneDNN computes.
class BatchNormKernel final : public CallKernel {
 public:
  BatchNormKernel(Recipe recipe, std::vector<Call> calls, const BatchNorm& op)
      : CallKernel{std::move(recipe), std::move(calls)}, op_{op} {}
  void run(void* const* operands) override {
    CallKernel::run(operands);
    const auto* const mean = static_cast<const float*>(operands[4]);
    const auto* const variance = static_cast<const float*>(operands[5]);
    auto* const moments = static_cast<double*>(operands[7]);
    const auto count = static_cast<double>(op_.count);
    moments[0] = count;
    for (std::int64_t c = 0; c < op_.channels; ++c) {
      const double m = mean[c];
      moments[1 + c] = count * m;
      moments[1 + op_.channels + c] = count * (variance[c] + m * m);
    }
  }

 private:
  BatchNorm op_;
};

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNorm& op) {
  if (auto kernel = make_wide_kernel(recipe, op)) return kernel;
  const Context& context = *recipe.context;
  const Desc x = x_desc(op.count, op.channels), channel = per_channel(op.channels);
  const auto desc = batch_norm_desc(context.engine, x, op.epsilon, op.activation, true);
  if (is_reference(desc)) return nullptr;
  if (!make_kernel(recipe, BatchNormBackward{op.count, op.channels, op.epsilon, op.activation}))
    return nullptr;
  Call call{context, dnnl::batch_normalization_forward{desc}, desc};
  call.operand(DNNL_ARG_SRC, x, 0)
      .operand(DNNL_ARG_SCALE, channel, 1)
      .operand(DNNL_ARG_SHIFT, channel, 2)
      .operand(DNNL_ARG_DST, x, 3)
      .operand(DNNL_ARG_MEAN, statistics(op.channels), 4)
      .operand(DNNL_ARG_VARIANCE, statistics(op.channels), 5);
  if (op.activation == Activation::relu) call.operand(DNNL_ARG_WORKSPACE, desc.workspace_desc(), 6);
  return std::make_unique<BatchNormKernel>(recipe, std::vector{std::move(call)}, op);
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNormBackward& op) {
  if (auto kernel = make_wide_kernel(recipe, op)) return kernel;
  const Context& context = *recipe.context;
  const Desc x = x_desc(op.count, op.channels), channel = per_channel(op.channels);
  const auto desc = batch_norm_backward_desc(context.engine, x, op.epsilon, op.activation);
  if (is_reference(desc) ||
      is_reference(batch_norm_desc(context.engine, x, op.epsilon, op.activation, true)))
    return nullptr;
  Call call{context, dnnl::batch_normalization_backward{desc}, desc};
  call.operand(DNNL_ARG_SRC, x, 0)
      .operand(DNNL_ARG_DIFF_DST, x, 1)
      .operand(DNNL_ARG_SCALE, channel, 2)
      .own(DNNL_ARG_SHIFT, OwnMemory{context, channel})  // asked for and not read
      .operand(DNNL_ARG_MEAN, statistics(op.channels), 3)
      .operand(DNNL_ARG_VARIANCE, statistics(op.channels), 4);
  if (op.activation == Activation::relu) call.operand(DNNL_ARG_WORKSPACE, desc.workspace_desc(), 5);
  call.operand(DNNL_ARG_DIFF_SRC, x, 6)
      .operand(DNNL_ARG_DIFF_SCALE, channel, 7)
      .operand(DNNL_ARG_DIFF_SHIFT, channel, 8);
  return std::make_unique<CallKernel>(recipe, std::vector{std::move(call)});
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNormInference& op) {
  const Context& context = *recipe.context;
  const Desc x = x_desc(op.count, op.channels), channel = per_channel(op.channels);
  const auto desc = batch_norm_desc(context.engine, x, op.epsilon, op.activation, false);
  if (is_reference(desc)) return nullptr;
  Call call{context, dnnl::batch_normalization_forward{desc}, desc};
  call.operand(DNNL_ARG_SRC, x, 0)
      .operand(DNNL_ARG_SCALE, channel, 1)
      .operand(DNNL_ARG_SHIFT, channel, 2)
      .operand(DNNL_ARG_MEAN, statistics(op.channels), 3)
      .operand(DNNL_ARG_VARIANCE, statistics(op.channels), 4)
      .operand(DNNL_ARG_DST, x, 5);
  return std::make_unique<CallKernel>(recipe, std::vector{std::move(call)});
}

std::size_t workspace_bytes(const Context& context, const BatchNorm& op) {
  const auto desc = batch_norm_desc(context.engine, x_desc(op.count, op.channels), op.epsilon,
                                    op.activation, true);
  return std::max(desc.workspace_desc().get_size(), wide_workspace_bytes(op));
}

std::size_t workspace_bytes(const Context& context, const BatchNormBackward& op) {
  return workspace_bytes(context, BatchNorm{op.count, op.channels, op.epsilon, op.activation});
}

}  // namespace troupe::gpu::onednn
