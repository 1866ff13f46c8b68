#pragma once

#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"

namespace troupe::gpu::cuda {

/// y += bias on each row, then relu if asked for: y [rows, columns] of `type` (f32 or bf16), bias f32 [columns].
void add_bias(StreamHandle stream, DType type, void* y, const float* bias, std::int64_t rows,
              std::int64_t columns, bool relu);

}  // namespace troupe::gpu::cuda
