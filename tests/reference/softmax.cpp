#include "tests/reference/softmax.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::test::reference {

Values softmax(const gpu::Softmax& shape, const Values& x) {
  const auto rows = static_cast<std::size_t>(shape.rows),
             width = static_cast<std::size_t>(shape.width);
  Values y(x.size());
  for (std::size_t r = 0; r < rows; ++r) {
    double largest = x[r * width], sum = 0;
    for (std::size_t i = 0; i < width; ++i) largest = std::max(largest, x[r * width + i]);
    for (std::size_t i = 0; i < width; ++i) sum += std::exp(x[r * width + i] - largest);
    for (std::size_t i = 0; i < width; ++i) {
      y[r * width + i] = std::exp(x[r * width + i] - largest) / sum;
    }
  }
  return y;
}

// dy_j/dx_i = y_j (δ_ij - y_i), so dx_i = Σ_j dy_j y_j (δ_ij - y_i) = y_i (dy_i - Σ_j y_j dy_j).
Values softmax_backward(const gpu::SoftmaxBackward& shape, const Values& y, const Values& dy) {
  const auto rows = static_cast<std::size_t>(shape.rows),
             width = static_cast<std::size_t>(shape.width);
  Values dx(y.size());
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += y[r * width + i] * dy[r * width + i];
    for (std::size_t i = 0; i < width; ++i) {
      dx[r * width + i] = y[r * width + i] * (dy[r * width + i] - sum);
    }
  }
  return dx;
}

}  // namespace troupe::test::reference
