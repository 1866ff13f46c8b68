#pragma once

#include "gpu/formulas/elementary.hpp"
#include "gpu/formulas/inline.hpp"

/// Activations of one element: forward(x) = act(x), backward(saved, dy) = dy · act', from what gpu::ActivateBackward
/// names `saved`. Within 1 ulp of the f32 nearest to the true value (relu and none: exact), since they are computed in
/// f64 and rounded once. NaN gives NaN.
namespace troupe::gpu::formulas {

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

}  // namespace troupe::gpu::formulas
