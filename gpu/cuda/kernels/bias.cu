#include "gpu/cuda/kernels/bias.hpp"

#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/formulas/activations.hpp"

namespace troupe::gpu::cuda {
namespace {

template <class T, class Function>
struct AddBias {
  T* y;
  const float* bias;
  std::int64_t columns;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> values = load<count>(y + i);
    std::int64_t column = i % columns;
#pragma unroll
    for (int k = 0; k < count; ++k) {
      values.at[k] = Function::forward(values.at[k] + bias[column]);
      if (++column == columns) column = 0;
    }
    store(y + i, values);
  }
};

}  // namespace

void add_bias(StreamHandle stream, DType type, void* y, const float* bias, std::int64_t rows,
              std::int64_t columns, bool relu) {
  with_element(type, [&]<class T>(T) {
    T* const values = static_cast<T*>(y);
    if (relu) {
      for_each_element<packet_of<T>>(stream, rows * columns, aligned<packet_of<T>>(values),
                                     AddBias<T, formulas::Relu>{values, bias, columns});
    } else {
      for_each_element<packet_of<T>>(stream, rows * columns, aligned<packet_of<T>>(values),
                                     AddBias<T, formulas::None>{values, bias, columns});
    }
  });
}

}  // namespace troupe::gpu::cuda
