#pragma once

#include <cstdint>
#include <variant>

namespace troupe::gpu::nn {

/// The rate's course after the warm-up, u steps into it.
struct ConstantRate {};
struct StepRate {  ///< rate · factor^floor(u / every)
  std::uint64_t every = 1;
  double factor = 0.1;
};
struct
    CosineRate {  ///< from rate to `final` over `steps`, then `final` (Loshchilov and Hutter, ICLR 2017, eq. 5)
  std::uint64_t steps = 1;
  double final = 0.0;
};

/// Learning rate as a pure function of the step, by troupe::math (JOB-6).
struct Schedule {
  double rate = 1e-3;  ///< > 0
  std::variant<ConstantRate, StepRate, CosineRate> course;
  std::uint64_t warmup_steps =
      0;  ///< rate · (t + 1) / warmup_steps while t < warmup_steps; u counts from there
};

/// @throws Error bad_input naming every value that is out of its range.
void check(const Schedule& schedule);
double learning_rate(const Schedule& schedule, std::uint64_t step);

}  // namespace troupe::gpu::nn
