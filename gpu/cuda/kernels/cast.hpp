#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda {

/// @throws Error unsupported for types that CastScale does not take.
void cast_scale(StreamHandle stream, const CastScale& cast, const void* x, void* y);

/// `elements` from element `from` of one array to element `to` of another.
struct CastRange {
  std::int64_t from = 0, to = 0, elements = 0;
};
/// As many as one block of threads casts at once; no range should have more.
inline constexpr std::int64_t cast_range_elements = 2048;

/// Rounds f32 to bf16 in `count` ranges, which lie in device memory; one launch. Fast where both ends of a range are
/// multiples of 4 elements from bases that are multiples of 16 bytes.
void cast_to_bf16(StreamHandle stream, const CastRange* ranges, std::size_t count,
                  const float* from, void* to);

}  // namespace troupe::gpu::cuda
