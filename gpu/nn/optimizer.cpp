#include "gpu/nn/optimizer.hpp"

#include <limits>

#include "gpu/nn/range_problems.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Smaller ones could become zero in f32 arithmetic without subnormals, and then 0 / 0 a step.
constexpr double smallest_epsilon = 1e-30;

void check_decay(RangeProblems& problems, double decay) {
  problems.expect(decay >= 0.0 && decay < infinity, "weight_decay", "0 or more", decay);
}

void check_epsilon(RangeProblems& problems, double epsilon) {
  problems.expect(epsilon >= smallest_epsilon && epsilon < infinity, "epsilon", "1e-30 or more",
                  epsilon);
}

void check_fraction(RangeProblems& problems, const char* field, double value) {
  problems.expect(value >= 0.0 && value < 1.0, field, "a value in [0, 1)", value);
}

struct Check {
  RangeProblems& problems;

  void operator()(const Sgd& sgd) const {
    check_fraction(problems, "momentum", sgd.momentum);
    problems.expect(!sgd.nesterov || sgd.momentum > 0.0, "momentum", "more than 0 with nesterov",
                    sgd.momentum);
    check_decay(problems, sgd.weight_decay);
  }
  void operator()(const Adagrad& adagrad) const {
    check_epsilon(problems, adagrad.epsilon);
    check_decay(problems, adagrad.weight_decay);
  }
  void operator()(const Adam& adam) const { check_adam(adam); }
  void operator()(const AdamW& adam) const { check_adam(adam); }

  template <class AnyAdam>
  void check_adam(const AnyAdam& adam) const {
    check_fraction(problems, "beta1", adam.beta1);
    check_fraction(problems, "beta2", adam.beta2);
    check_epsilon(problems, adam.epsilon);
    check_decay(problems, adam.weight_decay);
  }
};

struct Names {
  std::vector<std::string> operator()(const Sgd& sgd) const {
    if (sgd.momentum == 0.0) return {};
    return {"velocity"};
  }
  std::vector<std::string> operator()(const Adagrad&) const { return {"accumulator"}; }
  std::vector<std::string> operator()(const Adam&) const { return {"moment1", "moment2"}; }
  std::vector<std::string> operator()(const AdamW&) const { return {"moment1", "moment2"}; }
};

}  // namespace

std::vector<std::string> state_names(const OptimizerSpec& optimizer) {
  return std::visit(Names{}, optimizer.algorithm);
}

void check(const OptimizerSpec& optimizer) {
  RangeProblems problems{"optimizer"};
  std::visit(Check{problems}, optimizer.algorithm);
  if (optimizer.clip_norm) {
    problems.expect(*optimizer.clip_norm > 0.0 && *optimizer.clip_norm < infinity, "clip_norm",
                    "more than 0", *optimizer.clip_norm);
  }
  problems.refuse();
}

}  // namespace troupe::gpu::nn
