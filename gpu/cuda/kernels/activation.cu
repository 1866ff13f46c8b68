#include "gpu/cuda/kernels/activation.hpp"

#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/formulas/activations.hpp"

namespace troupe::gpu::cuda {
namespace {

template <class T, class Function>
struct Forward {
  const T* x;
  T* y;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> values = load<count>(x + i);
#pragma unroll
    for (int k = 0; k < count; ++k) values.at[k] = Function::forward(values.at[k]);
    store(y + i, values);
  }
};

template <class T, class Function>
struct Backward {
  const T* saved;
  const T* dy;
  T* dx;

  template <int count>
  __device__ void at(std::int64_t i) const {
    const Values<count> known = load<count>(saved + i);
    Values<count> values = load<count>(dy + i);
#pragma unroll
    for (int k = 0; k < count; ++k) values.at[k] = Function::backward(known.at[k], values.at[k]);
    store(dx + i, values);
  }
};

template <class T>
struct Inputs {
  const T* at[most_added];
  int count;
};

template <class T, class Function>
struct Sum {
  Inputs<T> x;
  T* y;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> sum = load<count>(x.at[0] + i);
    for (int input = 1; input < x.count; ++input) {
      const Values<count> next = load<count>(x.at[input] + i);
#pragma unroll
      for (int k = 0; k < count; ++k) sum.at[k] += next.at[k];
    }
#pragma unroll
    for (int k = 0; k < count; ++k) sum.at[k] = Function::forward(sum.at[k]);
    store(y + i, sum);
  }
};

/// Calls visit(Function{}).
template <class Visit>
void with_activation(Activation activation, Visit visit) {
  switch (activation) {
    case Activation::none:
      return visit(formulas::None{});
    case Activation::relu:
      return visit(formulas::Relu{});
    case Activation::gelu:
      return visit(formulas::Gelu{});
    case Activation::silu:
      return visit(formulas::Silu{});
    case Activation::sigmoid:
      return visit(formulas::Sigmoid{});
    case Activation::tanh:
      return visit(formulas::Tanh{});
  }
}

}  // namespace

void activate(StreamHandle stream, DType type, Activation activation, std::int64_t elements,
              const void* x, void* y) {
  with_element(type, [&]<class T>(T) {
    with_activation(activation, [&]<class Function>(Function) {
      const Forward<T, Function> body{static_cast<const T*>(x), static_cast<T*>(y)};
      for_each_element<packet_of<T>>(stream, elements, aligned<packet_of<T>>(body.x, body.y), body);
    });
  });
}

void activate_backward(StreamHandle stream, DType type, Activation activation,
                       std::int64_t elements, const void* saved, const void* dy, void* dx) {
  with_element(type, [&]<class T>(T) {
    with_activation(activation, [&]<class Function>(Function) {
      const Backward<T, Function> body{static_cast<const T*>(saved), static_cast<const T*>(dy),
                                       static_cast<T*>(dx)};
      for_each_element<packet_of<T>>(stream, elements,
                                     aligned<packet_of<T>>(body.saved, body.dy, body.dx), body);
    });
  });
}

void add(StreamHandle stream, DType type, Activation activation, std::int64_t elements,
         std::span<const void* const> x, void* y) {
  if (x.empty() || x.size() > most_added) {
    throw Error{ErrorCode::unsupported, "cuda: add: expected 1 to " + std::to_string(most_added) +
                                            " inputs, got " + std::to_string(x.size())};
  }
  with_element(type, [&]<class T>(T) {
    with_activation(activation, [&]<class Function>(Function) {
      Sum<T, Function> body{{{}, static_cast<int>(x.size())}, static_cast<T*>(y)};
      bool all_aligned = aligned<packet_of<T>>(body.y);
      for (std::size_t i = 0; i < x.size(); ++i) {
        body.x.at[i] = static_cast<const T*>(x[i]);
        all_aligned = all_aligned && aligned<packet_of<T>>(body.x.at[i]);
      }
      for_each_element<packet_of<T>>(stream, elements, all_aligned, body);
    });
  });
}

}  // namespace troupe::gpu::cuda
