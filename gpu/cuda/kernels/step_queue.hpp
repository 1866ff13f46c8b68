#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/step_state.hpp"

namespace troupe::gpu::cuda {

/// Where a ring goes on, in device memory: the kernels count.
struct StepCursors {
  std::uint64_t popped = 0, noted = 0;
};

/// to = states[popped mod count], and on.
void pop_state(StreamHandle stream, const StepState* states, std::size_t count,
               StepCursors* cursors, StepState* to);

/// outcomes[noted mod count] = the 16 bytes at `from`, and on. Both are aligned to 8 bytes.
void note_outcome(StreamHandle stream, const std::byte* from, std::byte* outcomes,
                  std::size_t count, StepCursors* cursors);

}  // namespace troupe::gpu::cuda
