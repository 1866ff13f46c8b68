#include "gpu/onednn/primitive_descs.hpp"

#include "runtime/base/error.hpp"

namespace troupe::gpu::onednn {
namespace {

using dnnl::prop_kind;
using Dims = dnnl::memory::dims;

dnnl::primitive_attr strict(Activation activation = Activation::none) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  if (activation != Activation::none) {
    dnnl::post_ops after;
    after.append_eltwise(1.0F, algorithm_of(activation),
                         activation == Activation::silu ? 1.0F : 0.0F, 0.0F);
    attributes.set_post_ops(after);
  }
  return attributes;
}

struct Window {
  explicit Window(const ConvolutionGeometry& g)
      : stride{g.stride_height, g.stride_width},
        dilation{g.dilation_height - 1, g.dilation_width - 1},
        kernel{g.kernel_height, g.kernel_width},
        before{g.pad_top, g.pad_left},
        after{g.pad_bottom, g.pad_right} {}
  Dims stride, dilation, kernel, before, after;
};

dnnl::algorithm algorithm_of(PoolKind kind) {
  return kind == PoolKind::max ? dnnl::algorithm::pooling_max
                               : dnnl::algorithm::pooling_avg_exclude_padding;
}

dnnl::normalization_flags flags_of(Activation activation, bool training) {
  auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  if (!training) flags = flags | dnnl::normalization_flags::use_global_stats;
  if (activation == Activation::relu) flags = flags | dnnl::normalization_flags::fuse_norm_relu;
  return flags;
}

}  // namespace

dnnl::algorithm algorithm_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return dnnl::algorithm::eltwise_relu;
    case Activation::gelu:
      return dnnl::algorithm::eltwise_gelu_tanh;
    case Activation::silu:
      return dnnl::algorithm::eltwise_swish;
    case Activation::sigmoid:
      return dnnl::algorithm::eltwise_logistic;
    case Activation::tanh:
      return dnnl::algorithm::eltwise_tanh;
  }
  throw Error{ErrorCode::bug, "onednn: expected an activation, got none"};
}

dnnl::reorder::primitive_desc reorder_desc(const dnnl::engine& engine, const Desc& from,
                                           const Desc& to) {
  return {engine, from, engine, to, strict()};
}

dnnl::matmul::primitive_desc matmul_desc(const dnnl::engine& engine, const Desc& x,
                                         const Desc& weight, const Desc& bias, const Desc& y,
                                         Activation activation) {
  return {{x, weight, bias, y}, strict(activation), engine};
}

dnnl::inner_product_forward::primitive_desc inner_product_desc(const dnnl::engine& engine,
                                                               const Desc& x, const Desc& weight,
                                                               const Desc& bias, const Desc& y,
                                                               Activation activation) {
  return {{prop_kind::forward_inference, x, weight, bias, y}, strict(activation), engine};
}

dnnl::convolution_forward::primitive_desc convolution_desc(const dnnl::engine& engine,
                                                           const ConvolutionGeometry& geometry,
                                                           const ConvolutionDescs& descs,
                                                           Activation activation) {
  const Window window{geometry};
  return {{prop_kind::forward_training, dnnl::algorithm::convolution_direct, descs.x, descs.weight,
           descs.bias, descs.y, window.stride, window.dilation, window.before, window.after},
          strict(activation),
          engine};
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data_desc(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry,
    const ConvolutionDescs& descs) {
  const Window window{geometry};
  ConvolutionDescs without_bias = descs;
  without_bias.bias = {};
  return {{dnnl::algorithm::convolution_direct, descs.x, descs.weight, descs.y, window.stride,
           window.dilation, window.before, window.after},
          strict(),
          engine,
          convolution_desc(engine, geometry, without_bias, Activation::none)};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights_desc(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry,
    const ConvolutionDescs& descs) {
  const Window window{geometry};
  return {{dnnl::algorithm::convolution_direct, descs.x, descs.weight, descs.bias, descs.y,
           window.stride, window.dilation, window.before, window.after},
          strict(),
          engine,
          convolution_desc(engine, geometry, descs, Activation::none)};
}

dnnl::pooling_forward::primitive_desc pool_desc(const dnnl::engine& engine, PoolKind kind,
                                                const ConvolutionGeometry& geometry, const Desc& x,
                                                const Desc& y, bool training) {
  const Window window{geometry};
  return {{training ? prop_kind::forward_training : prop_kind::forward_inference,
           algorithm_of(kind), x, y, window.stride, window.kernel, window.before, window.after},
          strict(),
          engine};
}

dnnl::pooling_backward::primitive_desc pool_backward_desc(const dnnl::engine& engine, PoolKind kind,
                                                          const ConvolutionGeometry& geometry,
                                                          const Desc& x, const Desc& y) {
  const Window window{geometry};
  return {{algorithm_of(kind), x, y, window.stride, window.kernel, window.before, window.after},
          strict(),
          engine,
          pool_desc(engine, kind, geometry, x, y, true)};
}

dnnl::batch_normalization_forward::primitive_desc batch_norm_desc(const dnnl::engine& engine,
                                                                  const Desc& x, float epsilon,
                                                                  Activation activation,
                                                                  bool training) {
  return {{training ? prop_kind::forward_training : prop_kind::forward_inference, x, epsilon,
           flags_of(activation, training)},
          strict(),
          engine};
}

dnnl::batch_normalization_backward::primitive_desc batch_norm_backward_desc(
    const dnnl::engine& engine, const Desc& x, float epsilon, Activation activation) {
  return {{prop_kind::backward, x, x, epsilon, flags_of(activation, true)},
          strict(),
          engine,
          batch_norm_desc(engine, x, epsilon, activation, true)};
}

}  // namespace troupe::gpu::onednn
