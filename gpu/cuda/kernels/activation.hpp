#pragma once

#include <cstdint>
#include <span>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda {

/// Arrays are of `type`, f32 or bf16, and the same or do not overlap. Computed as the portable kernels do, in f64 where
/// there are exponentials, and rounded once (gpu/formulas/activations.hpp).

/// y = act(x)
void activate(StreamHandle stream, DType type, Activation activation, std::int64_t elements,
              const void* x, void* y);

/// dx = dy · act', from what ActivateBackward names `saved`.
void activate_backward(StreamHandle stream, DType type, Activation activation,
                       std::int64_t elements, const void* saved, const void* dy, void* dx);

inline constexpr std::size_t most_added = 32;

/// y = act(((x1 + x2) + x3) + …) of 1 to `most_added` inputs, summed in f32; y may be any of them.
void add(StreamHandle stream, DType type, Activation activation, std::int64_t elements,
         std::span<const void* const> x, void* y);

}  // namespace troupe::gpu::cuda
