#pragma once

#include <cstdint>
#include <vector>

#include "gpu/nn/optimizer.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// All the parameters of a model under one optimizer, as gpu/nn/optimizer.hpp words it.
class Optimizer {
 public:
  /// Element i decays where `decays[i]`.
  Optimizer(const gpu::nn::OptimizerSpec& spec, Values parameters, std::vector<bool> decays);

  /// `gradient_sums` are not yet divided by `rows`.
  void step(const Values& gradient_sums, std::int64_t rows, double learning_rate);

  const Values& parameters() const { return parameters_; }
  /// By the names of gpu::nn::state_names: the first is velocity, accumulator or moment1, the second moment2.
  const Values& state(int which) const { return which == 0 ? first_ : second_; }

 private:
  gpu::nn::OptimizerSpec spec_;
  Values parameters_, first_, second_;
  std::vector<bool> decays_;
  int steps_ = 0;
};

/// The factor that scales a gradient of this L2 norm down to at most `clip_norm`.
double clip_factor(double norm, double clip_norm);

}  // namespace troupe::test::reference
