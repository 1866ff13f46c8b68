#pragma once

#include <cstdint>

#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/schedule.hpp"
#include "gpu/step_state.hpp"

namespace troupe::gpu::nn {

/// What all shards of step `step` (from 0) and its update share: step, seed, learning rate and, for Adam,
/// 1 - beta^(step + 1), by troupe::math (JOB-6). A shard sets `position`, `batch_slot` and `rows` in its copy.
/// Both specs have passed their checks.
StepState make_step_state(const OptimizerSpec& optimizer, const Schedule& schedule,
                          std::uint64_t seed, std::uint64_t step);

}  // namespace troupe::gpu::nn
