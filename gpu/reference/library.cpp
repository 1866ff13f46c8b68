#include "gpu/reference/library.hpp"

#include "gpu/reference/contraction.hpp"
#include "gpu/reference/pointwise.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Kernel> ReferenceLibrary::make(const Operation& operation, const KernelOptions&) {
  if (auto kernel = make_contraction(operation)) return kernel;
  return make_pointwise(operation);
}

std::size_t ReferenceLibrary::workspace_bytes(const Operation& operation) {
  return contraction_workspace_bytes(operation);
}

}  // namespace troupe::gpu::reference
