#pragma once

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda {

/// @throws Error unsupported for types that CastScale does not take.
void cast_scale(StreamHandle stream, const CastScale& cast, const void* x, void* y);

}  // namespace troupe::gpu::cuda
