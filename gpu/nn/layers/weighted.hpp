#pragma once

#include <vector>

#include "gpu/nn/lowering.hpp"

/// What dense and convolution layers have in common: a weight, and a bias if the operation says so.
namespace troupe::gpu::nn::layers {

template <class Operation>
void emit_weighted(Lowering& to, const Operation& operation) {
  std::vector<BufferId> operands{to.input(0), to.parameter("weight")};
  if (operation.bias) operands.push_back(to.parameter("bias"));
  operands.push_back(to.output());
  to.emit(operation, std::span<const BufferId>{operands});
}

template <class Operation>
void emit_weights_gradient(Lowering& to, const Operation& operation, BufferId dy) {
  std::vector<BufferId> operands{to.input(0), dy, to.parameter_gradient("weight")};
  if (operation.bias) operands.push_back(to.parameter_gradient("bias"));
  to.emit(operation, std::span<const BufferId>{operands});
}

}  // namespace troupe::gpu::nn::layers
