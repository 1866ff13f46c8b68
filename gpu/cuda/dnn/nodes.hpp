#pragma once

#include <cstddef>
#include <memory>

#include "gpu/cuda/dnn/context.hpp"
#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

/// The operations that cuDNN computes, with what our own kernels add. Operands as gpu/operation.hpp has them.
/// @throws Error bad_input for sizes that are none; unsupported, with the operation and its shape, where cuDNN has no
/// engine that keeps the context's promises.
namespace troupe::gpu::cuda::dnn {

/// The bias in one graph with the convolution where cuDNN has an engine for it, else behind it. Null where the activation
/// cannot stand in that graph, too: then it is for whoever calls to put it behind (gpu::without_activation).
std::unique_ptr<Node> make_node(Context& context, const Convolution& op);
std::unique_ptr<Node> make_node(Context& context, const ConvolutionBackwardData& op);
std::unique_ptr<Node> make_node(Context& context, const ConvolutionBackwardWeights& op);

/// The workspace holds for each element of y which of its window is the maximum.
std::unique_ptr<Node> make_node(Context& context, const Pool& op);
std::unique_ptr<Node> make_node(Context& context, const PoolBackward& op);
std::size_t workspace_bytes(const Pool& op);
std::size_t workspace_bytes(const PoolBackward& op);

/// The workspace holds a byte for each element that cuDNN sees (wide_channels.hpp) where there is a relu: whether a gradient passes.
std::unique_ptr<Node> make_node(Context& context, const BatchNorm& op);
std::unique_ptr<Node> make_node(Context& context, const BatchNormBackward& op);
std::size_t workspace_bytes(const BatchNorm& op);
std::size_t workspace_bytes(const BatchNormBackward& op);

std::unique_ptr<Node> make_node(Context& context, const LayerNorm& op);
std::unique_ptr<Node> make_node(Context& context, const LayerNormBackward& op);

std::unique_ptr<Node> make_node(Context& context, const Softmax& op);
std::unique_ptr<Node> make_node(Context& context, const SoftmaxBackward& op);

}  // namespace troupe::gpu::cuda::dnn
