#include "tests/reference/optimizers.hpp"

#include <cmath>
#include <utility>
#include <variant>

namespace troupe::test::reference {
namespace {

struct Element {
  double parameter, gradient, first, second;
};

void update(const gpu::nn::Sgd& sgd, Element& e, double rate, bool decays, int) {
  const double g = e.gradient + (decays ? sgd.weight_decay * e.parameter : 0.0);
  if (sgd.momentum == 0.0) {
    e.parameter -= rate * g;
    return;
  }
  e.first = sgd.momentum * e.first + g;
  e.parameter -= rate * (sgd.nesterov ? g + sgd.momentum * e.first : e.first);
}

void update(const gpu::nn::Adagrad& adagrad, Element& e, double rate, bool decays, int) {
  const double g = e.gradient + (decays ? adagrad.weight_decay * e.parameter : 0.0);
  e.first += g * g;
  e.parameter -= rate * g / (std::sqrt(e.first) + adagrad.epsilon);
}

double adam_step(double beta1, double beta2, double epsilon, double g, Element& e, int t) {
  e.first = beta1 * e.first + (1.0 - beta1) * g;
  e.second = beta2 * e.second + (1.0 - beta2) * g * g;
  const double mean = e.first / (1.0 - std::pow(beta1, t));
  const double square = e.second / (1.0 - std::pow(beta2, t));
  return mean / (std::sqrt(square) + epsilon);
}

void update(const gpu::nn::Adam& adam, Element& e, double rate, bool decays, int t) {
  const double g = e.gradient + (decays ? adam.weight_decay * e.parameter : 0.0);
  e.parameter -= rate * adam_step(adam.beta1, adam.beta2, adam.epsilon, g, e, t);
}

void update(const gpu::nn::AdamW& adam, Element& e, double rate, bool decays, int t) {
  const double decay = decays ? adam.weight_decay * e.parameter : 0.0;
  e.parameter -= rate * (adam_step(adam.beta1, adam.beta2, adam.epsilon, e.gradient, e, t) + decay);
}

}  // namespace

Optimizer::Optimizer(const gpu::nn::OptimizerSpec& spec, Values parameters,
                     std::vector<bool> decays)
    : spec_{spec},
      parameters_{std::move(parameters)},
      first_(parameters_.size()),
      second_(parameters_.size()),
      decays_{std::move(decays)} {}

void Optimizer::step(const Values& gradient_sums, std::int64_t rows, double learning_rate) {
  ++steps_;
  double factor = 1.0 / static_cast<double>(rows);
  if (spec_.clip_norm) {
    const double norm = std::sqrt(dot(gradient_sums, gradient_sums)) * factor;
    factor *= clip_factor(norm, *spec_.clip_norm);
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Element element{parameters_[i], gradient_sums[i] * factor, first_[i], second_[i]};
    std::visit(
        [&](const auto& algorithm) {
          update(algorithm, element, learning_rate, decays_[i], steps_);
        },
        spec_.algorithm);
    parameters_[i] = element.parameter;
    first_[i] = element.first;
    second_[i] = element.second;
  }
}

double clip_factor(double norm, double clip_norm) {
  return norm > clip_norm ? clip_norm / norm : 1.0;
}

}  // namespace troupe::test::reference
