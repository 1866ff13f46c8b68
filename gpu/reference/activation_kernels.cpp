#include "gpu/reference/activation_kernels.hpp"

#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/vector_math.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

struct None {
  TROUPE_INLINE static float forward(float x) { return x; }
  TROUPE_INLINE static float backward(float, float dy) { return dy; }
};

/// Asked this way round, NaN stays, and -0.0 becomes 0.
struct Relu {
  TROUPE_INLINE static float forward(float x) { return x <= 0.0F ? 0.0F : x; }
  TROUPE_INLINE static float backward(float y, float dy) { return y <= 0.0F ? 0.0F : dy; }
};

struct Sigmoid {
  TROUPE_INLINE static float forward(float x) {
    return static_cast<float>(1.0 / (1.0 + exp_short(-static_cast<double>(x))));
  }
  TROUPE_INLINE static float backward(float y, float dy) {
    const double s = y;
    return static_cast<float>(dy * (s * (1.0 - s)));
  }
};

/// tanh x = (e^2x - 1) / (e^2x + 1), in f64 exactly 1 from 20 on.
struct Tanh {
  TROUPE_INLINE static float forward(float x) {
    const double m = expm1_short(2.0 * (x > 20.0F ? 20.0F : x));
    return static_cast<float>(m / (m + 2.0));
  }
  TROUPE_INLINE static float backward(float y, float dy) {
    const double t = y;
    return static_cast<float>(dy * (1.0 - t * t));
  }
};

/// x · sigmoid(x), and its derivative s + x · s · (1 - s).
struct Silu {
  TROUPE_INLINE static float forward(float x) {
    return static_cast<float>(x / (1.0 + exp_short(-static_cast<double>(x))));
  }
  TROUPE_INLINE static float backward(float x, float dy) {
    const double s = 1.0 / (1.0 + exp_short(-static_cast<double>(x)));
    return static_cast<float>(dy * (s + x * (s * (1.0 - s))));
  }
};

/// 0.5 (1 + tanh u) = sigmoid(2u), which cancels nothing for negative u; 2u = x · (a + b x²).
struct Gelu {
  static constexpr double a = 1.5957691216057308;  // 2 sqrt(2 / pi)
  static constexpr double b = 0.044715 * a;
  TROUPE_INLINE static float forward(float x) {
    const double v = x;
    return static_cast<float>(v / (1.0 + exp_short(-v * (a + b * (v * v)))));
  }
  TROUPE_INLINE static float backward(float x, float dy) {
    const double v = x;
    const double square = v * v;
    const double s = 1.0 / (1.0 + exp_short(-v * (a + b * square)));
    return static_cast<float>(dy * (s + (s * (1.0 - s)) * (v * (a + 3.0 * b * square))));
  }
};

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
