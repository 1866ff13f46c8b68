#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::gpu::nn {

/// In all of them g is the tree's sum, times one f32 factor: clip / rows (JOB-4), and `decay` is 0 for
/// parameters that do not decay (biases, scales and shifts of norms).

/// g += decay · p;  v = momentum · v + g;  p -= lr · (nesterov ? g + momentum · v : v).
/// Without momentum there is no v, and p -= lr · g. v starts at 0. (Sutskever et al., ICML 2013, in the form
/// where the rate multiplies the velocity.)
struct Sgd {
  double momentum = 0.0;  ///< [0, 1)
  bool nesterov = false;  ///< wants momentum > 0
  double weight_decay = 0.0;
};
/// g += decay · p;  a += g²;  p -= lr · g / (sqrt(a) + epsilon). a starts at 0. (Duchi et al., JMLR 2011.)
struct Adagrad {
  double epsilon = 1e-10;
  double weight_decay = 0.0;
};
/// g += decay · p;  m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²;
/// p -= lr · m̂ / (sqrt(v̂) + epsilon), with m̂ = m / (1 - β1^(t+1)), v̂ = v / (1 - β2^(t+1)).
/// (Kingma and Ba, ICLR 2015, algorithm 1.)
struct Adam {
  double beta1 = 0.9, beta2 = 0.999;  ///< [0, 1)
  double epsilon = 1e-8;
  double weight_decay = 0.0;
};
/// Adam with decoupled decay: p -= lr · decay · p beside the step, and g is left alone. (Loshchilov and
/// Hutter, ICLR 2019, algorithm 2, with the schedule's rate in both.)
struct AdamW {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

struct OptimizerSpec {
  std::variant<Sgd, Adagrad, Adam, AdamW> algorithm;
  std::optional<double>
      clip_norm;  ///< > 0: the mean gradient's L2 norm is scaled down to at most this
};

/// Names of what the optimizer keeps for each parameter: none, {"velocity"}, {"accumulator"} or
/// {"moment1", "moment2"}.
std::vector<std::string> state_names(const OptimizerSpec& optimizer);

/// @throws Error bad_input naming every value that is out of its range.
void check(const OptimizerSpec& optimizer);

}  // namespace troupe::gpu::nn
