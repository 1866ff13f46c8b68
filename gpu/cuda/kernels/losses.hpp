#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"

/// Losses as operation.hpp has them, computed in f64 as the portable kernels do and rounded once into the gradient. A row
/// is one warp's or one block's; rows are summed in an order that depends on their count alone. Scores and gradient are
/// of the operation's type, targets f32.
namespace troupe::gpu::cuda {

/// What a loss writes. `gradient` is null where it is not wanted.
struct LossOutputs {
  void* gradient = nullptr;
  double* loss = nullptr;
  std::int64_t* counted = nullptr;
};

/// Bytes of `scratch` for a loss of so many rows; it lies at a multiple of 8.
std::size_t loss_scratch_bytes(std::int64_t rows);

void softmax_cross_entropy(StreamHandle stream, const SoftmaxCrossEntropy& op, const void* logits,
                           const std::int32_t* labels, const StepState* step,
                           const LossOutputs& outputs, void* scratch);
void binary_cross_entropy(StreamHandle stream, const BinaryCrossEntropy& op, const void* x,
                          const float* target, const StepState* step, const LossOutputs& outputs,
                          void* scratch);
void mean_squared_error(StreamHandle stream, const MeanSquaredError& op, const void* x,
                        const float* target, const StepState* step, const LossOutputs& outputs,
                        void* scratch);

}  // namespace troupe::gpu::cuda
