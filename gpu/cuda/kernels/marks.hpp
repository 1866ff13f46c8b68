#pragma once

#include <cstdint>

#include "gpu/cuda/node.hpp"

namespace troupe::gpu::cuda {

/// Adds 1 to `count`, which the host reads while the GPU works, after all that was enqueued before is visible to it.
void add_mark(StreamHandle stream, std::uint64_t* count);

}  // namespace troupe::gpu::cuda
