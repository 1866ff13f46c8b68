#pragma once

#include <cstdint>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::reference {

/// The part of a fused activation that a product does not do itself: with none and relu, nothing.
class FusedActivation {
 public:
  FusedActivation(Activation activation, std::int64_t elements);
  /// Activates y [elements] in place, with the bits that Activate gives.
  void run(float* y);

 private:
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace troupe::gpu::reference
