#pragma once

#include <cstdint>

#include "gpu/formulas/inline.hpp"
#include "gpu/step_state.hpp"

/// The optimizer's arithmetic (nn/optimizer.hpp), from a step's scalars to one element: scalars in f64 and rounded once,
/// elements in f32, nothing contracted. Whoever computes by these gets the same bits (JOB-6).
namespace troupe::gpu::formulas {

enum class UpdateKind : std::uint8_t { sgd, momentum, nesterov, adagrad, adam };

/// What an optimizer fixes for all steps (nn::make_update_rule).
struct UpdateRule {
  UpdateKind kind = UpdateKind::sgd;
  double coupled_decay = 0.0, decoupled_decay = 0.0;
  double epsilon = 0.0;
  double clip_norm = 0.0;  ///< 0: none
  float momentum = 0.0F;
  float rest1 = 0.0F, rest2 = 0.0F;  ///< 1 - beta1, 1 - beta2
};

/// What a step fixes for all elements. `factor` multiplies the gradient's sum.
struct UpdateScalars {
  float factor = 1.0F;
  float rate = 0.0F;    ///< lr; for Adam lr · sqrt(1 - beta2^(t+1)) / (1 - beta1^(t+1))
  float decay = 0.0F;   ///< coupled: g += decay · p
  float shrink = 0.0F;  ///< decoupled: lr · decay
  float momentum = 0.0F;
  float rest1 = 0.0F, rest2 = 0.0F;  ///< 1 - beta1, 1 - beta2
  float epsilon = 0.0F;              ///< for Adam epsilon · sqrt(1 - beta2^(t+1))
};

/// For a parameter that decays or does not.
TROUPE_INLINE UpdateScalars update_scalars(const UpdateRule& rule, const StepState& step,
                                           float factor, bool decays) {
  UpdateScalars scalars;
  scalars.factor = factor;
  scalars.decay = decays ? static_cast<float>(rule.coupled_decay) : 0.0F;
  scalars.shrink = decays ? static_cast<float>(step.learning_rate * rule.decoupled_decay) : 0.0F;
  scalars.momentum = rule.momentum;
  scalars.rest1 = rule.rest1;
  scalars.rest2 = rule.rest2;
  if (rule.kind == UpdateKind::adam) {
    const double root = __builtin_sqrt(step.bias_correction_2);  // IEEE 754 fixes its bits
    scalars.rate = static_cast<float>(step.learning_rate * root / step.bias_correction_1);
    scalars.epsilon = static_cast<float>(rule.epsilon * root);
  } else {
    scalars.rate = static_cast<float>(step.learning_rate);
    scalars.epsilon = static_cast<float>(rule.epsilon);
  }
  return scalars;
}

/// What divides by the count of rows, and turns a sum into an element of the mean gradient, of which the norm is taken
/// (JOB-4). `rows` > 0.
TROUPE_INLINE float mean_factor(double rows) {
  return static_cast<float>(1.0 / rows);
}

/// The factor of a gradient of that norm.
TROUPE_INLINE float clipped_factor(double norm, double clip_norm, double rows) {
  return norm > clip_norm ? static_cast<float>(clip_norm / norm / rows) : mean_factor(rows);
}

/// The square of an element of the mean gradient: the product in f32, the square in f64.
TROUPE_INLINE double mean_square(float gradient, float factor) {
  const double element = gradient * factor;
  return element * element;
}

/// 0 for a finite value, else the bits of a NaN: x - x is either +0 or NaN.
TROUPE_INLINE std::uint32_t not_finite_bits(float x) {
  return __builtin_bit_cast(std::uint32_t, x - x);
}

/// next(scalars, gradient, parameter, first state, second state): the new parameter; the states are changed in place.
struct Sgd {
  static constexpr int states = 0;
  TROUPE_INLINE static float next(const UpdateScalars& s, float gradient, float p, float&, float&) {
    const float g = gradient * s.factor + s.decay * p;
    return p - s.rate * g;
  }
};

template <bool look_ahead>
struct SgdWithMomentum {
  static constexpr int states = 1;
  TROUPE_INLINE static float next(const UpdateScalars& s, float gradient, float p, float& v,
                                  float&) {
    const float g = gradient * s.factor + s.decay * p;
    v = s.momentum * v + g;
    return p - s.rate * (look_ahead ? g + s.momentum * v : v);
  }
};

struct Adagrad {
  static constexpr int states = 1;
  TROUPE_INLINE static float next(const UpdateScalars& s, float gradient, float p, float& a,
                                  float&) {
    const float g = gradient * s.factor + s.decay * p;
    a = a + g * g;
    return p - s.rate * g / (__builtin_sqrtf(a) + s.epsilon);
  }
};

/// With m̂ = m / c1 and v̂ = v / c2, the step lr · m̂ / (sqrt(v̂) + epsilon) is
/// rate · m / (sqrt(v) + epsilon · sqrt(c2)) for rate = lr · sqrt(c2) / c1: one root and one division an element.
/// m - (1 - beta) · m stands for beta · m, because an f32 near 1 misses 1 - beta by up to 3e-8 / (1 - beta) of it,
/// which would bias v for good.
struct Adam {
  static constexpr int states = 2;
  TROUPE_INLINE static float next(const UpdateScalars& s, float gradient, float p, float& m,
                                  float& v) {
    const float g = gradient * s.factor + s.decay * p;
    m = m - s.rest1 * m + s.rest1 * g;
    v = v - s.rest2 * v + s.rest2 * g * g;
    return p - (s.shrink * p + s.rate * m / (__builtin_sqrtf(v) + s.epsilon));
  }
};

/// How a batch norm's running statistics take up a step's moments (JOB-4): mean = Σ n·mean / Σ n, variance =
/// Σ n·(var + mean²) / Σ n - mean², of which the unbiased n / (n - 1) fold is what runs. Without counted values they
/// stay.
class RunningStatistics {
 public:
  TROUPE_INLINE RunningStatistics(double count, double momentum)
      : momentum_{count > 0.0 ? momentum : 0.0},
        mean_scale_{count > 0.0 ? 1.0 / count : 0.0},
        unbiased_{count > 1.0 ? count / (count - 1.0) : 1.0} {}

  TROUPE_INLINE float mean(float running, double moment) const {
    return blend(running, moment * mean_scale_);
  }
  TROUPE_INLINE float variance(float running, double moment, double square_moment) const {
    const double mean = moment * mean_scale_;
    const double difference = square_moment * mean_scale_ - mean * mean;
    return blend(running, (difference < 0.0 ? 0.0 : difference) * unbiased_);
  }

 private:
  TROUPE_INLINE float blend(float running, double measured) const {
    return static_cast<float>((1.0 - momentum_) * running + momentum_ * measured);
  }

  double momentum_, mean_scale_, unbiased_;
};

}  // namespace troupe::gpu::formulas
