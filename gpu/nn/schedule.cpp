#include "gpu/nn/schedule.hpp"

#include <limits>

#include "gpu/nn/range_problems.hpp"
#include "runtime/base/math.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr double pi = 3.14159265358979323846;

bool finite_from_zero(double value) {
  return value >= 0.0 && value < std::numeric_limits<double>::infinity();
}

struct Check {
  RangeProblems& problems;

  void operator()(const ConstantRate&) const {}
  void operator()(const StepRate& course) const {
    problems.expect(course.every >= 1, "every", "1 step or more",
                    static_cast<double>(course.every));
    problems.expect(finite_from_zero(course.factor) && course.factor > 0.0, "factor", "more than 0",
                    course.factor);
  }
  void operator()(const CosineRate& course) const {
    problems.expect(course.steps >= 1, "steps", "1 step or more",
                    static_cast<double>(course.steps));
    problems.expect(finite_from_zero(course.final), "final", "0 or more", course.final);
  }
};

/// The rate `step` steps after the warm-up.
struct RateAt {
  double rate;
  std::uint64_t step;

  double operator()(const ConstantRate&) const { return rate; }
  double operator()(const StepRate& course) const {
    return rate * math::pow(course.factor, static_cast<double>(step / course.every));
  }
  double operator()(const CosineRate& course) const {
    if (step >= course.steps) return course.final;
    const double part = static_cast<double>(step) / static_cast<double>(course.steps);
    return course.final + (rate - course.final) * (0.5 * (1.0 + math::cos(pi * part)));
  }
};

}  // namespace

void check(const Schedule& schedule) {
  RangeProblems problems{"schedule"};
  problems.expect(finite_from_zero(schedule.rate) && schedule.rate > 0.0, "rate", "more than 0",
                  schedule.rate);
  std::visit(Check{problems}, schedule.course);
  problems.refuse();
}

double learning_rate(const Schedule& schedule, std::uint64_t step) {
  if (step < schedule.warmup_steps) {
    return schedule.rate *
           (static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps));
  }
  return std::visit(RateAt{schedule.rate, step - schedule.warmup_steps}, schedule.course);
}

}  // namespace troupe::gpu::nn
