#include <cstdlib>

#include "gpu/cuda_device.hpp"
#include "gpu/device_module.hpp"
#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/test_device.hpp"

namespace {

using namespace troupe;

std::unique_ptr<gpu::Device> make(const gpu::CudaOptions& options) {
  if (std::getenv("TROUPE_EMULATED_FULL") != nullptr)
    throw Error{ErrorCode::exhausted, "cuda: expected 1 byte for a test, got out of memory"};
  return test::cuda::make_test_device(options.graphs);
}

constexpr gpu::DeviceModule this_module{{gpu::device_module_abi, TROUPE_VERSION}, make};

}  // namespace

extern "C" [[gnu::visibility("default")]] const troupe::gpu::ModuleHeader* troupe_device_module() {
  return &this_module;
}
