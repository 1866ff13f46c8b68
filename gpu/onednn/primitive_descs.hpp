#pragma once

#include <string_view>

#include <oneapi/dnnl/dnnl.hpp>

#include "gpu/operation.hpp"

/// How oneDNN 2.x is asked for a primitive: all that is particular to its version. Every attribute set has strict
/// f32 arithmetic and a scratchpad that the caller provides.
namespace troupe::gpu::onednn {

using Desc = dnnl::memory::desc;

/// Whether oneDNN has nothing better than its plain reference loops, which are hundreds of times slower.
template <class PrimitiveDesc>
bool is_reference(const PrimitiveDesc& desc) {
  return std::string_view{desc.impl_info_str()}.starts_with("ref");
}

/// What dnnl::algorithm computes an activation that is not `none`.
dnnl::algorithm algorithm_of(Activation activation);

dnnl::reorder::primitive_desc reorder_desc(const dnnl::engine& engine, const Desc& from,
                                           const Desc& to);

/// `bias` is the empty descriptor where there is none.
dnnl::matmul::primitive_desc matmul_desc(const dnnl::engine& engine, const Desc& x,
                                         const Desc& weight, const Desc& bias, const Desc& y,
                                         Activation activation);
dnnl::inner_product_forward::primitive_desc inner_product_desc(const dnnl::engine& engine,
                                                               const Desc& x, const Desc& weight,
                                                               const Desc& bias, const Desc& y,
                                                               Activation activation);

/// Memory descriptors of a convolution; `geometry` says the rest.
struct ConvolutionDescs {
  Desc x, weight, bias, y;
};
dnnl::convolution_forward::primitive_desc convolution_desc(const dnnl::engine& engine,
                                                           const ConvolutionGeometry& geometry,
                                                           const ConvolutionDescs& descs,
                                                           Activation activation);
dnnl::convolution_backward_data::primitive_desc convolution_backward_data_desc(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry, const ConvolutionDescs& descs);
dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights_desc(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry, const ConvolutionDescs& descs);

dnnl::pooling_forward::primitive_desc pool_desc(const dnnl::engine& engine, PoolKind kind,
                                                const ConvolutionGeometry& geometry, const Desc& x,
                                                const Desc& y, bool training);
dnnl::pooling_backward::primitive_desc pool_backward_desc(const dnnl::engine& engine, PoolKind kind,
                                                          const ConvolutionGeometry& geometry,
                                                          const Desc& x, const Desc& y);

/// With scale, shift, and, in a training step, statistics that are computed.
dnnl::batch_normalization_forward::primitive_desc batch_norm_desc(const dnnl::engine& engine,
                                                                  const Desc& x, float epsilon,
                                                                  Activation activation,
                                                                  bool training);
dnnl::batch_normalization_backward::primitive_desc batch_norm_backward_desc(
    const dnnl::engine& engine, const Desc& x, float epsilon, Activation activation);

}  // namespace troupe::gpu::onednn
