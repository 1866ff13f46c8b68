#include "gpu/kernel_module.hpp"

namespace troupe::gpu {

std::shared_ptr<KernelLibrary> load_kernel_module(std::string_view name, std::string* why_not) {
  std::shared_ptr<KernelLibrary> library;
  load_module(
      "kernel module", name, kernel_module_entry, kernel_module_abi,
      [&](const ModuleHeader& module) {
        library = static_cast<const KernelModule&>(module).make();
      },
      why_not);
  return library;
}

}  // namespace troupe::gpu
