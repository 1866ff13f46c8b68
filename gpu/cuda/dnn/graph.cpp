#include "gpu/cuda/dnn/graph.hpp"

#include <string>

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

Descriptor convolution_descriptor(const Window& window) {
  Descriptor descriptor{CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR};
  descriptor.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, static_cast<std::int64_t>(window.size.size()))
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, window.dilation)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, window.stride)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, window.before)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, window.after);
  return descriptor.finish();
}

Descriptor resample_descriptor(PoolKind kind, const Window& window) {
  Descriptor descriptor{CUDNN_BACKEND_RESAMPLE_DESCRIPTOR};
  const auto fractions = [](const std::vector<std::int64_t>& numbers) {
    std::vector<cudnnFraction_t> values;
    for (const std::int64_t number : numbers) values.push_back({number, 1});
    return values;
  };
  const bool max = kind == PoolKind::max;
  descriptor
      .set(CUDNN_ATTR_RESAMPLE_MODE,
           max ? CUDNN_RESAMPLE_MAXPOOL : CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING)
      .set(CUDNN_ATTR_RESAMPLE_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_RESAMPLE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN)
      .set(CUDNN_ATTR_RESAMPLE_PADDING_MODE, max ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD)
      .set(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, static_cast<std::int64_t>(window.size.size()))
      .set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, fractions(window.size))
      .set(CUDNN_ATTR_RESAMPLE_STRIDES, fractions(window.stride))
      .set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, fractions(window.before))
      .set(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, fractions(window.after));
  return descriptor.finish();
}

Descriptor pointwise_descriptor(cudnnPointwiseMode_t mode) {
  Descriptor descriptor{CUDNN_BACKEND_POINTWISE_DESCRIPTOR};
  descriptor.set(CUDNN_ATTR_POINTWISE_MODE, mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  return descriptor.finish();
}

cudnnPointwiseMode_t mode_of(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return CUDNN_POINTWISE_RELU_FWD;
    case Activation::sigmoid:
      return CUDNN_POINTWISE_SIGMOID_FWD;
    case Activation::tanh:
      return CUDNN_POINTWISE_TANH_FWD;
    default:
      throw Error{ErrorCode::bug,
                  "cuda: expected relu, sigmoid or tanh to be fused, got " + to_string(activation)};
  }
}

}  // namespace

cudnnDataType_t data_type(DType type) {
  switch (type) {
    case DType::f32:
      return CUDNN_DATA_FLOAT;
    case DType::bf16:
      return CUDNN_DATA_BFLOAT16;
    default:
      throw Error{ErrorCode::unsupported, "cuda: expected f32 or bf16 in a layer of cuDNN, got " +
                                              std::string{to_string(type)}};
  }
}

Window window_of(const ConvolutionGeometry& g) {
  return {{g.kernel_height, g.kernel_width},
          {g.stride_height, g.stride_width},
          {g.dilation_height, g.dilation_width},
          {g.pad_top, g.pad_left},
          {g.pad_bottom, g.pad_right}};
}

Tensor Graph::tensor(cudnnDataType_t type, const Extents& e, bool in_memory, bool by_value) {
  Descriptor descriptor{CUDNN_BACKEND_TENSOR_DESCRIPTOR};
  const std::int64_t id = ++last_id_;
  // cuDNN names the axes n, c, h, w; the strides say how they lie.
  descriptor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::vector<std::int64_t>{e.n, e.c, e.h, e.w})
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::vector<std::int64_t>{e.h * e.w * e.c, 1, e.w * e.c, e.c})
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16})
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, !in_memory)
      .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, by_value);
  descriptor.finish();
  return {id, descriptor};
}

Tensor Graph::operand(cudnnDataType_t type, const Extents& extents) {
  return tensor(type, extents, true, false);
}

Tensor Graph::between(const Extents& extents) {
  return tensor(CUDNN_DATA_FLOAT, extents, false, false);
}

Tensor Graph::number(float value) {
  Tensor made = tensor(CUDNN_DATA_FLOAT, {}, true, true);
  numbers_[made.id] = value;
  return made;
}

void Graph::convolution(const Window& window, const Tensor& x, const Tensor& weight,
                        const Tensor& y) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution_descriptor(window))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weight.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::convolution_backward_data(const Window& window, const Tensor& dy, const Tensor& weight,
                                      const Tensor& dx) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution_descriptor(window))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, weight.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::convolution_backward_weights(const Window& window, const Tensor& x, const Tensor& dy,
                                         const Tensor& dweight) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0F)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution_descriptor(window))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy.descriptor)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dweight.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::add(const Tensor& x, const Tensor& b, const Tensor& y) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR};
  operation
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise_descriptor(CUDNN_POINTWISE_ADD))
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::activate(Activation activation, const Tensor& x, const Tensor& y) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR};
  operation
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise_descriptor(mode_of(activation)))
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::pool(PoolKind kind, const Window& window, const Tensor& x, const Tensor& y,
                 const std::optional<Tensor>& index) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, resample_descriptor(kind, window))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, y.descriptor);
  if (index) operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, index->descriptor);
  operations_.push_back(operation.finish());
}

void Graph::pool_backward(PoolKind kind, const Window& window, const Tensor& dy,
                          const std::optional<Tensor>& index, const Tensor& dx) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, resample_descriptor(kind, window))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, dy.descriptor)
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, dx.descriptor);
  if (index) operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, index->descriptor);
  operations_.push_back(operation.finish());
}

void Graph::norm(cudnnBackendNormMode_t mode, const Tensor& x, const Tensor& scale,
                 const Tensor& shift, const Tensor& epsilon, const Tensor& y, const Tensor& mean,
                 const Tensor& inverse_deviation) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, mode)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, scale.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, shift.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, epsilon.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, mean.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, inverse_deviation.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y.descriptor);
  operations_.push_back(operation.finish());
}

void Graph::norm_backward(cudnnBackendNormMode_t mode, const Tensor& x, const Tensor& dy,
                          const Tensor& scale, const Tensor& mean, const Tensor& inverse_deviation,
                          const Tensor& dx, const Tensor& dscale, const Tensor& dshift) {
  Descriptor operation{CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR};
  operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, mode)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, dy.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, scale.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, mean.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, inverse_deviation.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, dx.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, dscale.descriptor)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, dshift.descriptor);
  operations_.push_back(operation.finish());
}

Descriptor Graph::descriptor() const {
  Descriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
  return graph;
}

}  // namespace troupe::gpu::cuda::dnn
