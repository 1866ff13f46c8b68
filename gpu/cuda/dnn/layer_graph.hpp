#pragma once

#include <cstdint>
#include <vector>

#include "gpu/cuda/dnn/engines.hpp"
#include "gpu/cuda/dnn/graph.hpp"
#include "gpu/operation.hpp"

/// The graphs that layers are computed by. They need no device, so that tests can ask what cuDNN offers for each.
namespace troupe::gpu::cuda::dnn {

struct LayerGraph {
  Graph graph;
  std::vector<Tensor> operands;  ///< in the order in which Plan::execute takes their addresses
  Products products = Products::none;
};

/// What is computed in one graph with a convolution.
struct Fused {
  bool bias = false, activation = false;
};
/// x, weight, (bias), y
LayerGraph graph_of(const Convolution& op, Fused fused);
/// dy, weight, dx
LayerGraph graph_of(const ConvolutionBackwardData& op);
/// x, dy, dweight
LayerGraph graph_of(const ConvolutionBackwardWeights& op);

/// Which value of its window is the maximum: a number of this type for each element of y, a byte where that suffices.
cudnnDataType_t index_type(const ConvolutionGeometry& geometry);
/// x, y, (index: of the maximum in training)
LayerGraph graph_of(const Pool& op);
/// dy, (index), dx
LayerGraph graph_of(const PoolBackward& op);

/// x, scale, shift, y, mean, inverse deviation; without the activation
LayerGraph graph_of(const BatchNorm& op);
LayerGraph graph_of(const LayerNorm& op);
/// x, dy, scale, mean, inverse deviation, dx, dscale, dshift; dy is that of the sum, not of the activated output
LayerGraph graph_of(const BatchNormBackward& op);
LayerGraph graph_of(const LayerNormBackward& op);

}  // namespace troupe::gpu::cuda::dnn
