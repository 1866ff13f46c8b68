#include "gpu/cuda/dnn/layer_graph.hpp"

#include <optional>
#include <utility>

namespace troupe::gpu::cuda::dnn {
namespace {

constexpr cudnnDataType_t f32 = CUDNN_DATA_FLOAT;

Extents x_of(const ConvolutionGeometry& g) {
  return {g.rows, g.in_height, g.in_width, g.in_channels};
}
Extents y_of(const ConvolutionGeometry& g) {
  return {g.rows, g.out_height, g.out_width, g.out_channels};
}
/// Groups show in the channels: those of the input are a multiple of the weight's.
Extents weight_of(const ConvolutionGeometry& g) {
  return {g.out_channels, g.kernel_height, g.kernel_width, g.in_channels / g.groups};
}
Products products_of(DType type) {
  return type == DType::f32 ? Products::f32 : Products::bf16;
}

/// Values [outer, width], of which `shared` along the rows (batch norm) or along each row (layer norm).
struct NormExtents {
  Extents values, parameters, statistics;
};
NormExtents extents_of(const BatchNorm& op) {
  return {{.n = op.count, .c = op.channels}, {.c = op.channels}, {.c = op.channels}};
}
NormExtents extents_of(const LayerNorm& op) {
  return {{.n = op.rows, .c = op.width}, {.c = op.width}, {.n = op.rows}};
}

LayerGraph norm(cudnnBackendNormMode_t mode, const NormExtents& e, DType type, float epsilon) {
  Graph graph;
  const cudnnDataType_t element = data_type(type);
  const Tensor x = graph.operand(element, e.values);
  const Tensor scale = graph.operand(f32, e.parameters);
  const Tensor shift = graph.operand(f32, e.parameters);
  const Tensor y = graph.operand(element, e.values);
  const Tensor mean = graph.operand(f32, e.statistics);
  const Tensor inverse_deviation = graph.operand(f32, e.statistics);
  graph.norm(mode, x, scale, shift, graph.number(epsilon), y, mean, inverse_deviation);
  return {std::move(graph), {x, scale, shift, y, mean, inverse_deviation}};
}

LayerGraph norm_backward(cudnnBackendNormMode_t mode, const NormExtents& e, DType type) {
  Graph graph;
  const cudnnDataType_t element = data_type(type);
  const Tensor x = graph.operand(element, e.values);
  const Tensor dy = graph.operand(element, e.values);
  const Tensor scale = graph.operand(f32, e.parameters);
  const Tensor mean = graph.operand(f32, e.statistics);
  const Tensor inverse_deviation = graph.operand(f32, e.statistics);
  const Tensor dx = graph.operand(element, e.values);
  const Tensor dscale = graph.operand(f32, e.parameters);
  const Tensor dshift = graph.operand(f32, e.parameters);
  graph.norm_backward(mode, x, dy, scale, mean, inverse_deviation, dx, dscale, dshift);
  return {std::move(graph), {x, dy, scale, mean, inverse_deviation, dx, dscale, dshift}};
}

}  // namespace

LayerGraph graph_of(const Convolution& op, Fused fused) {
  Graph graph;
  const cudnnDataType_t element = data_type(op.type);
  const Extents y_extents = y_of(op.geometry);
  std::vector<Tensor> operands{graph.operand(element, x_of(op.geometry)),
                               graph.operand(element, weight_of(op.geometry))};
  if (fused.bias) operands.push_back(graph.operand(f32, {.c = op.geometry.out_channels}));
  operands.push_back(graph.operand(element, y_extents));
  const Tensor& y = operands.back();
  const Tensor sums = fused.bias || fused.activation ? graph.between(y_extents) : y;
  graph.convolution(window_of(op.geometry), operands[0], operands[1], sums);
  const Tensor sum = fused.bias && fused.activation ? graph.between(y_extents) : y;
  if (fused.bias) graph.add(sums, operands[2], sum);
  if (fused.activation) graph.activate(op.activation, fused.bias ? sum : sums, y);
  return {std::move(graph), std::move(operands), products_of(op.type)};
}

LayerGraph graph_of(const ConvolutionBackwardData& op) {
  Graph graph;
  const cudnnDataType_t element = data_type(op.type);
  const Tensor dy = graph.operand(element, y_of(op.geometry));
  const Tensor weight = graph.operand(element, weight_of(op.geometry));
  const Tensor dx = graph.operand(element, x_of(op.geometry));
  graph.convolution_backward_data(window_of(op.geometry), dy, weight, dx);
  return {std::move(graph), {dy, weight, dx}, products_of(op.type)};
}

LayerGraph graph_of(const ConvolutionBackwardWeights& op) {
  Graph graph;
  const cudnnDataType_t element = data_type(op.type);
  const Tensor x = graph.operand(element, x_of(op.geometry));
  const Tensor dy = graph.operand(element, y_of(op.geometry));
  const Tensor dweight = graph.operand(element, weight_of(op.geometry));
  graph.convolution_backward_weights(window_of(op.geometry), x, dy, dweight);
  return {std::move(graph), {x, dy, dweight}, products_of(op.type)};
}

cudnnDataType_t index_type(const ConvolutionGeometry& g) {
  return g.kernel_height * g.kernel_width <= 127 ? CUDNN_DATA_INT8 : CUDNN_DATA_INT32;
}

LayerGraph graph_of(const Pool& op) {
  Graph graph;
  const cudnnDataType_t element = data_type(op.type);
  std::vector<Tensor> operands{graph.operand(element, x_of(op.geometry)),
                               graph.operand(element, y_of(op.geometry))};
  std::optional<Tensor> index;
  if (op.kind == PoolKind::max && op.training) {
    index = graph.operand(index_type(op.geometry), y_of(op.geometry));
    operands.push_back(*index);
  }
  graph.pool(op.kind, window_of(op.geometry), operands[0], operands[1], index);
  return {std::move(graph), std::move(operands)};
}

LayerGraph graph_of(const PoolBackward& op) {
  Graph graph;
  const cudnnDataType_t element = data_type(op.type);
  std::vector<Tensor> operands{graph.operand(element, y_of(op.geometry))};
  std::optional<Tensor> index;
  if (op.kind == PoolKind::max) {
    index = graph.operand(index_type(op.geometry), y_of(op.geometry));
    operands.push_back(*index);
  }
  operands.push_back(graph.operand(element, x_of(op.geometry)));
  graph.pool_backward(op.kind, window_of(op.geometry), operands.front(), index, operands.back());
  return {std::move(graph), std::move(operands)};
}

LayerGraph graph_of(const BatchNorm& op) {
  return norm(CUDNN_BATCH_NORM, extents_of(op), op.type, op.epsilon);
}

LayerGraph graph_of(const BatchNormBackward& op) {
  return norm_backward(CUDNN_BATCH_NORM, extents_of(BatchNorm{op.count, op.channels, op.epsilon}),
                       op.type);
}

LayerGraph graph_of(const LayerNorm& op) {
  return norm(CUDNN_LAYER_NORM, extents_of(op), op.type, op.epsilon);
}

LayerGraph graph_of(const LayerNormBackward& op) {
  return norm_backward(CUDNN_LAYER_NORM, extents_of(LayerNorm{op.rows, op.width, op.epsilon}),
                       op.type);
}

}  // namespace troupe::gpu::cuda::dnn
