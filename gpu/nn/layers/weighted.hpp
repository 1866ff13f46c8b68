#pragma once

#include <cstdint>
#include <vector>

#include "gpu/nn/lowering.hpp"

/// What dense and convolution layers have in common: a weight, and a bias if the operation says so.
namespace troupe::gpu::nn::layers {

template <class Operation>
void emit_weighted(Lowering& to, const Operation& operation) {
  std::vector<BufferId> operands{to.input(0), to.weight("weight")};
  if (operation.bias) operands.push_back(to.parameter("bias"));
  operands.push_back(to.output());
  to.emit(operation, std::span<const BufferId>{operands});
}

/// `elements` of the weight. What leaves is f32 (JOB-4).
template <class Operation>
void emit_weights_gradient(Lowering& to, const Operation& operation, BufferId dy,
                           std::int64_t elements) {
  const BufferId gradient = to.parameter_gradient("weight");
  const bool narrow = operation.type != DType::f32;
  const BufferId computed =
      narrow ? to.scratch(static_cast<std::size_t>(elements) * size_bytes(operation.type))
             : gradient;
  std::vector<BufferId> operands{to.input(0), dy, computed};
  if (operation.bias) operands.push_back(to.parameter_gradient("bias"));
  to.emit(operation, std::span<const BufferId>{operands});
  if (narrow) to.emit(CastScale{operation.type, elements}, {computed, gradient});
}

}  // namespace troupe::gpu::nn::layers
