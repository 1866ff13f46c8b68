#pragma once

#include <cstddef>

#include "gpu/cuda/node.hpp"
#include "gpu/step_state.hpp"

namespace troupe::gpu::cuda {

/// Copies slot `step->batch_slot` of a ring, which begins at `ring` and has slots of `slot_bytes`, to `to`. All of it in
/// device memory, at multiples of 16 bytes.
void copy_batch(StreamHandle stream, const StepState* step, const std::byte* ring, std::size_t slot_bytes,
                std::byte* to);

}  // namespace troupe::gpu::cuda
