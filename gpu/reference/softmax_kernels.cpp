#include "gpu/reference/softmax_kernels.hpp"

#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/row_sums.hpp"
#include "gpu/reference/vector_math.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

void forward(const float* x, float* y, std::int64_t rows, std::int64_t width) {
  double terms[RowSum::block];
  for (; rows > 0; --rows, x += width, y += width) {
    const double most = largest(x, width);
    RowSum sum;
    for (std::int64_t begin = 0; begin < width; begin += RowSum::block) {
      const std::int64_t count = width - begin < RowSum::block ? width - begin : RowSum::block;
      TROUPE_INDEPENDENT
      for (std::int64_t i = 0; i < count; ++i) {
        terms[i] = exp_short(x[begin + i] - most);
        y[begin + i] = static_cast<float>(terms[i]);
      }
      sum.add(terms, count);
    }
    const double factor = 1.0 / sum.total();
    for (std::int64_t i = 0; i < width; ++i) y[i] = static_cast<float>(y[i] * factor);
  }
}

void backward(const float* y, const float* dy, float* dx, std::int64_t rows, std::int64_t width) {
  double terms[RowSum::block];
  for (; rows > 0; --rows, y += width, dy += width, dx += width) {
    RowSum sum;
    for (std::int64_t begin = 0; begin < width; begin += RowSum::block) {
      const std::int64_t count = width - begin < RowSum::block ? width - begin : RowSum::block;
      for (std::int64_t i = 0; i < count; ++i) {
        terms[i] = static_cast<double>(y[begin + i]) * dy[begin + i];
      }
      sum.add(terms, count);
    }
    const double dot = sum.total();
    TROUPE_INDEPENDENT
    for (std::int64_t i = 0; i < width; ++i) dx[i] = static_cast<float>(y[i] * (dy[i] - dot));
  }
}

}  // namespace

const SoftmaxTable softmax_table = {forward, backward};

}  // namespace troupe::gpu::reference::TROUPE_ISA
