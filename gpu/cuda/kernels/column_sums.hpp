#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"

namespace troupe::gpu::cuda {

/// Bytes of scratch for column_sums; it lies at a multiple of 8.
std::size_t column_sums_scratch_bytes(std::int64_t rows, std::int64_t columns);

/// sums [columns] = Σ x [rows, columns], x of f32 or bf16: in f64, in an order that the shape alone fixes, and rounded
/// once. The gradients of biases.
void column_sums(StreamHandle stream, DType type, std::int64_t rows, std::int64_t columns,
                 const void* x, float* sums, void* scratch);

}  // namespace troupe::gpu::cuda
