#include "gpu/reference/library.hpp"

#include "gpu/reference/pointwise.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Kernel> ReferenceLibrary::make(const Operation& operation, const KernelOptions&) {
  return make_pointwise(operation);
}

std::size_t ReferenceLibrary::workspace_bytes(const Operation&) {
  return 0;
}

}  // namespace troupe::gpu::reference
