#include "gpu/reference/activation_kernels.hpp"

#include <cstdint>

#include "gpu/formulas/activations.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/vector_math.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

using formulas::Gelu;
using formulas::None;
using formulas::Relu;
using formulas::Sigmoid;
using formulas::Silu;
using formulas::Tanh;

template <class Activation>
void forward(const float* x, float* y, std::int64_t elements) {
  TROUPE_INDEPENDENT
  for (std::int64_t i = 0; i < elements; ++i) y[i] = Activation::forward(x[i]);
}

template <class Activation>
void backward(const float* saved, const float* dy, float* dx, std::int64_t elements) {
  TROUPE_INDEPENDENT
  for (std::int64_t i = 0; i < elements; ++i) dx[i] = Activation::backward(saved[i], dy[i]);
}

void add(const void* const* x, std::size_t inputs, ActivationTable::Forward act, float* y,
         std::int64_t elements) {
  constexpr std::int64_t block = 1024;  // stays in the first cache
  float sum[block];
  for (std::int64_t begin = 0; begin < elements; begin += block) {
    const std::int64_t count = elements - begin < block ? elements - begin : block;
    const float* const first = static_cast<const float*>(x[0]) + begin;
    for (std::int64_t i = 0; i < count; ++i) sum[i] = first[i];
    for (std::size_t input = 1; input < inputs; ++input) {
      const float* const next = static_cast<const float*>(x[input]) + begin;
      for (std::int64_t i = 0; i < count; ++i) sum[i] += next[i];
    }
    act(sum, y + begin, count);
  }
}

TROUPE_INLINE float value_of(std::uint8_t x) {
  return x;
}
TROUPE_INLINE float value_of(float x) {
  return x;
}
TROUPE_INLINE float value_of(std::int32_t x) {
  return static_cast<float>(x);
}
TROUPE_INLINE float value_of(std::int64_t x) {
  return static_cast<float>(x);
}
TROUPE_INLINE float value_of(std::uint16_t bf16) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bf16) << 16);
}

template <class T>
void cast(const T* x, float scale, float offset, float* y, std::int64_t elements) {
  for (std::int64_t i = 0; i < elements; ++i) y[i] = value_of(x[i]) * scale + offset;
}

}  // namespace

const ActivationTable activation_table = {
    {forward<None>, forward<Relu>, forward<Gelu>, forward<Silu>, forward<Sigmoid>, forward<Tanh>},
    {backward<None>, backward<Relu>, backward<Gelu>, backward<Silu>, backward<Sigmoid>,
     backward<Tanh>},
    add,
    cast<std::uint8_t>,
    cast<std::int32_t>,
    cast<std::int64_t>,
    cast<std::uint16_t>,
    cast<float>,
};

}  // namespace troupe::gpu::reference::TROUPE_ISA
