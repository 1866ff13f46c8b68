#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "gpu/cuda/dnn/descriptor.hpp"
#include "gpu/dtype.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda::dnn {

/// @throws Error unsupported for a type that cuDNN's graphs are not asked for.
cudnnDataType_t data_type(DType type);

/// A tensor [n, h, w, c], row-major.
struct Extents {
  std::int64_t n = 1, h = 1, w = 1, c = 1;
};

/// A value of a graph. One that lies in memory has an id, by which its address is given at execution.
struct Tensor {
  std::int64_t id;
  Descriptor descriptor;
};

/// What a window does at each axis, height first.
struct Window {
  std::vector<std::int64_t> size, stride, dilation, before, after;  ///< the last two are paddings
};
Window window_of(const ConvolutionGeometry& geometry);

/// Builds a graph of operations over tensors. Sums and pointwise arithmetic are f32. Ids count from 1 in the order in
/// which the tensors are made, so that equal calls make equal graphs.
class Graph {
 public:
  /// In memory, at a multiple of 16 bytes.
  Tensor operand(cudnnDataType_t type, const Extents& extents);
  /// Never in memory: from one operation to the next.
  Tensor between(const Extents& extents);
  /// An f32 that is given at execution by its address on the host.
  Tensor number(float value);

  void convolution(const Window& window, const Tensor& x, const Tensor& weight, const Tensor& y);
  void convolution_backward_data(const Window& window, const Tensor& dy, const Tensor& weight,
                                 const Tensor& dx);
  void convolution_backward_weights(const Window& window, const Tensor& x, const Tensor& dy,
                                    const Tensor& dweight);
  /// y = x + b, where extents of 1 in b are repeated.
  void add(const Tensor& x, const Tensor& b, const Tensor& y);
  /// y = act(x); relu, sigmoid or tanh. @throws Error bug for another.
  void activate(Activation activation, const Tensor& x, const Tensor& y);
  /// Padding never wins a maximum and is not counted in an average. A NaN wins.
  void pool(PoolKind kind, const Window& window, const Tensor& x, const Tensor& y,
            const std::optional<Tensor>& index);
  void pool_backward(PoolKind kind, const Window& window, const Tensor& dy,
                     const std::optional<Tensor>& index, const Tensor& dx);
  void norm(cudnnBackendNormMode_t mode, const Tensor& x, const Tensor& scale, const Tensor& shift,
            const Tensor& epsilon, const Tensor& y, const Tensor& mean,
            const Tensor& inverse_deviation);
  void norm_backward(cudnnBackendNormMode_t mode, const Tensor& x, const Tensor& dy,
                     const Tensor& scale, const Tensor& mean, const Tensor& inverse_deviation,
                     const Tensor& dx, const Tensor& dscale, const Tensor& dshift);

  /// The operations added so far, as an unfinished descriptor of an operation graph.
  Descriptor descriptor() const;
  /// The numbers by their tensors' ids.
  const std::map<std::int64_t, float>& numbers() const { return numbers_; }

 private:
  Tensor tensor(cudnnDataType_t type, const Extents& extents, bool in_memory, bool by_value);

  std::vector<Descriptor> operations_;
  std::map<std::int64_t, float> numbers_;
  std::int64_t last_id_ = 0;
};

}  // namespace troupe::gpu::cuda::dnn
