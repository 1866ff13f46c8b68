#include "gpu/nn/step.hpp"

#include <variant>

#include "runtime/base/math.hpp"

namespace troupe::gpu::nn {
namespace {

struct SetCorrections {
  StepState& state;

  void operator()(const Sgd&) const {}
  void operator()(const Adagrad&) const {}
  void operator()(const Adam& adam) const { set(adam.beta1, adam.beta2); }
  void operator()(const AdamW& adam) const { set(adam.beta1, adam.beta2); }

  void set(double beta1, double beta2) const {
    const double count = static_cast<double>(state.step) + 1.0;
    state.bias_correction_1 = 1.0 - math::pow(beta1, count);
    state.bias_correction_2 = 1.0 - math::pow(beta2, count);
  }
};

}  // namespace

StepState make_step_state(const OptimizerSpec& optimizer, const Schedule& schedule,
                          std::uint64_t seed, std::uint64_t step) {
  StepState state;
  state.step = step;
  state.seed = seed;
  state.learning_rate = learning_rate(schedule, step);
  std::visit(SetCorrections{state}, optimizer.algorithm);
  return state;
}

}  // namespace troupe::gpu::nn
