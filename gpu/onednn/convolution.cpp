#include <cstdint>
#include <utility>
#include <vector>

#include "gpu/onednn/call.hpp"
#include "gpu/onednn/kernels.hpp"
#include "gpu/onednn/narrow_convolution.hpp"
#include "gpu/onednn/primitive_descs.hpp"

// Activations stay NHWC. Weights are copied into the blocked layout that oneDNN chooses, and their gradient out of
// it, which costs less than a hundredth of the convolution; plain weights would cost a half and more.
namespace troupe::gpu::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

Desc f32(const dnnl::memory::dims& dims, Tag tag) {
  return {dims, dnnl::memory::data_type::f32, tag};
}

Desc x_desc(const ConvolutionGeometry& g, Tag tag) {
  return f32({g.rows, g.in_channels, g.in_height, g.in_width}, tag);
}

Desc y_desc(const ConvolutionGeometry& g, Tag tag) {
  return f32({g.rows, g.out_channels, g.out_height, g.out_width}, tag);
}

/// [out, kernel height, kernel width, in / groups] in memory, or whatever oneDNN likes best.
Desc weight_desc(const ConvolutionGeometry& g, bool plain) {
  const std::int64_t in = g.in_channels / g.groups;
  if (g.groups == 1)
    return f32({g.out_channels, in, g.kernel_height, g.kernel_width}, plain ? Tag::ohwi : Tag::any);
  return f32({g.groups, g.out_channels / g.groups, in, g.kernel_height, g.kernel_width},
             plain ? Tag::gohwi : Tag::any);
}

ConvolutionDescs descs_of(const ConvolutionGeometry& g, bool bias, Tag activations) {
  return {x_desc(g, activations), weight_desc(g, false),
          bias ? f32({g.out_channels}, Tag::a) : Desc{}, y_desc(g, activations)};
}

/// Puts operand `index` where `call` wants it, by a copy only if its layout there is another.
void bind_input(const Context& context, std::vector<Call>& before, Call& call, int argument,
                const Desc& wanted, const Desc& given, int index) {
  if (wanted == given) {
    call.operand(argument, given, index);
    return;
  }
  const OwnMemory copy{context, wanted};
  before.push_back(reorder_in(context, given, index, copy));
  call.own(argument, copy);
}

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Convolution& op) {
  if (auto kernel = make_narrow_kernel(recipe, op)) return kernel;
  const Context& context = *recipe.context;
  const ConvolutionDescs descs = descs_of(op.geometry, op.bias, Tag::nhwc);
  const auto desc = convolution_desc(context.engine, op.geometry, descs, op.activation);
  if (is_reference(desc)) return nullptr;
  std::vector<Call> calls;
  Call call{context, dnnl::convolution_forward{desc}, desc};
  call.operand(DNNL_ARG_SRC, descs.x, 0);
  bind_input(context, calls, call, DNNL_ARG_WEIGHTS, desc.weights_desc(),
             weight_desc(op.geometry, true), 1);
  if (op.bias) call.operand(DNNL_ARG_BIAS, descs.bias, 2);
  call.operand(DNNL_ARG_DST, descs.y, op.bias ? 3 : 2);
  calls.push_back(std::move(call));
  return std::make_unique<CallKernel>(recipe, std::move(calls));
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const ConvolutionBackwardData& op) {
  const Context& context = *recipe.context;
  const ConvolutionDescs descs = descs_of(op.geometry, false, Tag::nhwc);
  const auto desc = convolution_backward_data_desc(context.engine, op.geometry, descs);
  if (is_reference(desc)) return nullptr;
  std::vector<Call> calls;
  Call call{context, dnnl::convolution_backward_data{desc}, desc};
  call.operand(DNNL_ARG_DIFF_DST, descs.y, 0);
  bind_input(context, calls, call, DNNL_ARG_WEIGHTS, desc.weights_desc(),
             weight_desc(op.geometry, true), 1);
  call.operand(DNNL_ARG_DIFF_SRC, descs.x, 2);
  calls.push_back(std::move(call));
  return std::make_unique<CallKernel>(recipe, std::move(calls));
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const ConvolutionBackwardWeights& op) {
  if (auto kernel = make_narrow_kernel(recipe, op)) return kernel;
  const Context& context = *recipe.context;
  const ConvolutionGeometry& g = op.geometry;
  // With strides the code for NHWC falls behind from 32 channels on: 43 to 74 GFLOP/s at 16x16x32 -> 64 by 3x3,
  // and 94 to 98 with blocked copies of the activations, copying included.
  const bool blocked =
      g.groups == 1 && g.stride_width > 1 && g.kernel_width > 1 && g.in_channels >= 32;
  const ConvolutionDescs descs = descs_of(g, op.bias, blocked ? Tag::any : Tag::nhwc);
  const auto desc = convolution_backward_weights_desc(context.engine, g, descs);
  if (is_reference(desc)) return nullptr;
  std::vector<Call> calls;
  Call call{context, dnnl::convolution_backward_weights{desc}, desc};
  bind_input(context, calls, call, DNNL_ARG_SRC, desc.src_desc(), x_desc(g, Tag::nhwc), 0);
  bind_input(context, calls, call, DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), y_desc(g, Tag::nhwc),
             1);
  if (op.bias) call.operand(DNNL_ARG_DIFF_BIAS, descs.bias, 3);
  const Desc plain = weight_desc(g, true);
  if (desc.diff_weights_desc() == plain) {
    call.operand(DNNL_ARG_DIFF_WEIGHTS, plain, 2);
    calls.push_back(std::move(call));
  } else {
    const OwnMemory gradient{context, desc.diff_weights_desc()};
    call.own(DNNL_ARG_DIFF_WEIGHTS, gradient);
    calls.push_back(std::move(call));
    calls.push_back(reorder_out(context, gradient, plain, 2));
  }
  return std::make_unique<CallKernel>(recipe, std::move(calls));
}

}  // namespace troupe::gpu::onednn
