#include "gpu/reference/library.hpp"

#include <utility>

#include "gpu/reference/contraction.hpp"
#include "gpu/reference/pointwise.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Kernel> ReferenceLibrary::make(const Operation& operation, const KernelOptions&) {
  if (element_type(operation) != DType::f32) return nullptr;
  std::unique_ptr<Kernel> kernel = make_pointwise(operation);
  return kernel != nullptr ? std::move(kernel) : make_contraction(operation);
}

std::size_t ReferenceLibrary::workspace_bytes(const Operation& operation) {
  return contraction_workspace_bytes(operation);
}

}  // namespace troupe::gpu::reference
