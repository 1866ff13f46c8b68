#include "tests/reference/dense.hpp"

#include "tests/reference/activations.hpp"

namespace troupe::test::reference {

Values dense(const gpu::Dense& shape, const Values& x, const Values& weight, const Values& bias) {
  const auto rows = static_cast<std::size_t>(shape.rows), in = static_cast<std::size_t>(shape.in),
             out = static_cast<std::size_t>(shape.out);
  Values y(rows * out);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = shape.bias ? bias[o] : 0.0;
      for (std::size_t i = 0; i < in; ++i) sum += x[r * in + i] * weight[o * in + i];
      y[r * out + o] = activate(shape.activation, sum);
    }
  }
  return y;
}

// L(y(x)): dL/dx_i = Σ_o dL/dy_o · dy_o/dx_i, and dy_o/dx_i is weight_oi.
Values dense_backward_data(const gpu::DenseBackwardData& shape, const Values& dy,
                           const Values& weight) {
  const auto rows = static_cast<std::size_t>(shape.rows), in = static_cast<std::size_t>(shape.in),
             out = static_cast<std::size_t>(shape.out);
  Values dx(rows * in);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        dx[r * in + i] += dy[r * out + o] * weight[o * in + i];
      }
    }
  }
  return dx;
}

WeightGradients dense_backward_weights(const gpu::DenseBackwardWeights& shape, const Values& x,
                                       const Values& dy) {
  const auto rows = static_cast<std::size_t>(shape.rows), in = static_cast<std::size_t>(shape.in),
             out = static_cast<std::size_t>(shape.out);
  WeightGradients gradients{Values(out * in), Values(shape.bias ? out : 0)};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        gradients.weight[o * in + i] += dy[r * out + o] * x[r * in + i];
      }
      if (shape.bias) gradients.bias[o] += dy[r * out + o];
    }
  }
  return gradients;
}

}  // namespace troupe::test::reference
