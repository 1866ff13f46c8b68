#include "tests/reference/activations.hpp"

#include <cmath>
#include <numbers>

namespace troupe::test::reference {
namespace {

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// gelu(x) = 0.5 x (1 + tanh(u(x))) (Hendrycks and Gimpel, 2016, section 2).
double gelu_argument(double x) {
  return std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
}
double gelu_argument_slope(double x) {
  return std::sqrt(2.0 / std::numbers::pi) * (1.0 + 3.0 * 0.044715 * x * x);
}

}  // namespace

double activate(gpu::Activation activation, double x) {
  switch (activation) {
    case gpu::Activation::none:
      return x;
    case gpu::Activation::relu:
      return x > 0 ? x : 0.0;
    case gpu::Activation::gelu:
      return 0.5 * x * (1.0 + std::tanh(gelu_argument(x)));
    case gpu::Activation::silu:
      return x * sigmoid(x);
    case gpu::Activation::sigmoid:
      return sigmoid(x);
    case gpu::Activation::tanh:
      return std::tanh(x);
  }
  return NAN;
}

double derivative(gpu::Activation activation, double x) {
  switch (activation) {
    case gpu::Activation::none:
      return 1.0;
    case gpu::Activation::relu:
      return x > 0 ? 1.0 : 0.0;
    case gpu::Activation::gelu: {
      const double t = std::tanh(gelu_argument(x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * gelu_argument_slope(x);
    }
    case gpu::Activation::silu: {
      const double s = sigmoid(x);
      return s + x * s * (1.0 - s);
    }
    case gpu::Activation::sigmoid:
    case gpu::Activation::tanh:
      return derivative_from_output(activation, activate(activation, x));
  }
  return NAN;
}

double derivative_from_output(gpu::Activation activation, double y) {
  switch (activation) {
    case gpu::Activation::relu:
      return y > 0 ? 1.0 : 0.0;
    case gpu::Activation::sigmoid:
      return y * (1.0 - y);
    case gpu::Activation::tanh:
      return 1.0 - y * y;
    case gpu::Activation::none:
    case gpu::Activation::gelu:
    case gpu::Activation::silu:
      break;
  }
  return NAN;
}

Values activate(gpu::Activation activation, const Values& x) {
  Values y;
  for (const double value : x) y.push_back(activate(activation, value));
  return y;
}

Values activate_backward(gpu::Activation activation, const Values& saved, const Values& dy) {
  const bool by_output = gpu::differentiable_from_output(activation);
  Values dx;
  for (std::size_t i = 0; i < dy.size(); ++i) {
    dx.push_back(dy[i] * (by_output ? derivative_from_output(activation, saved[i])
                                    : derivative(activation, saved[i])));
  }
  return dx;
}

}  // namespace troupe::test::reference
