#pragma once

#include <cstdint>

namespace troupe::gpu {

/// What changes from step to step and from shard to shard. It stands in the device's memory, so that a
/// recorded sequence of kernels can be run again without new arguments.
struct alignas(64) StepState {
  std::uint64_t step = 0;  ///< t, from 0; Adam counts t + 1
  std::uint64_t position =
      0;  ///< of the shard's first row (JOB-1), from which draws are keyed (JOB-3)
  std::uint64_t seed = 0;
  double learning_rate = 0.0;
  double bias_correction_1 =
      1.0;  ///< 1 - beta1^(t+1), by troupe::math (JOB-6); 1 where there is none
  double bias_correction_2 = 1.0;  ///< 1 - beta2^(t+1)
  std::uint32_t batch_slot = 0;    ///< which slot of the batch rings holds the shard's rows
  std::uint32_t rows = 0;  ///< how many of the shard's rows count; the rest is padding (JOB-7)
};

}  // namespace troupe::gpu
