#include <memory>

#include "gpu/cuda/device.hpp"
#include "gpu/cuda/library_nodes.hpp"
#include "gpu/device_module.hpp"

namespace troupe::gpu::cuda {
namespace {

std::unique_ptr<Device> make(const CudaOptions& options) {
  return std::make_unique<CudaDevice>(options, make_library_nodes(options));
}

constexpr DeviceModule this_module{{device_module_abi, TROUPE_VERSION}, make};

}  // namespace
}  // namespace troupe::gpu::cuda

extern "C" [[gnu::visibility("default")]] const troupe::gpu::ModuleHeader* troupe_device_module() {
  return &troupe::gpu::cuda::this_module;
}
