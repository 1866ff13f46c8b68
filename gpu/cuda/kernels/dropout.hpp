#pragma once

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"

namespace troupe::gpu::cuda {

/// By the draws of JOB-3 for the seed and position that `step` holds, in device memory, when the GPU comes to it. y may
/// be x.
void dropout(StreamHandle stream, const Dropout& dropout, const void* x, const StepState* step,
             void* y);

}  // namespace troupe::gpu::cuda
