#include "gpu/reference/fused_activation.hpp"

#include <array>

#include "gpu/reference/pointwise.hpp"

namespace troupe::gpu::reference {

FusedActivation::FusedActivation(Activation activation, std::int64_t elements) {
  if (activation == Activation::none || activation == Activation::relu) return;
  kernel_ = make_pointwise(Activate{activation, elements});
}

void FusedActivation::run(float* y) {
  if (kernel_ == nullptr) return;
  const std::array<void*, 2> operands = {y, y};
  kernel_->run(operands.data());
}

}  // namespace troupe::gpu::reference
