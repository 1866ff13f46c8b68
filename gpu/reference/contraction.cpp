#include "gpu/reference/contraction.hpp"

#include <cstdint>
#include <variant>

#include "gpu/reference/batch_norm.hpp"
#include "gpu/reference/convolution.hpp"
#include "gpu/reference/dense.hpp"
#include "gpu/reference/layer_norm.hpp"
#include "gpu/reference/pooling.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Kernel> make_contraction(const Operation& operation, Isa isa) {
  return std::visit(
      [isa](const auto& of_type) -> std::unique_ptr<Kernel> {
        if constexpr (requires { make_kernel(of_type, isa); }) {
          return make_kernel(of_type, isa);
        } else {
          return nullptr;
        }
      },
      operation);
}

std::size_t contraction_workspace_bytes(const Operation& operation) {
  return std::visit(
      [](const auto& of_type) -> std::size_t {
        if constexpr (requires { workspace_bytes(of_type); }) {
          return workspace_bytes(of_type);
        } else {
          return 0;
        }
      },
      operation);
}

}  // namespace troupe::gpu::reference
