#pragma once

#include <cstddef>

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"

namespace troupe::gpu::cuda {

void strided_copy(StreamHandle stream, const StridedCopy& copy, const void* x, void* y);

void zero(StreamHandle stream, void* y, std::size_t bytes);

/// Copies `bytes` of the slot that step->batch_slot names, of a ring whose slot i starts at ring + i · slot_bytes, to a
/// place that does not move: so that what follows needs no other addresses from step to step. `step` is read by the GPU.
void copy_batch_slot(StreamHandle stream, const std::byte* ring, std::size_t slot_bytes,
                     std::size_t bytes, const StepState* step, std::byte* to);

}  // namespace troupe::gpu::cuda
