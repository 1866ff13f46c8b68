// A kernel module that the loader must refuse: of another ABI or version, or one whose library cannot be made.
#include <memory>

#include "gpu/kernel_module.hpp"
#include "runtime/base/error.hpp"

namespace {
std::shared_ptr<troupe::gpu::KernelLibrary> make() {
  throw troupe::Error{troupe::ErrorCode::unsupported, "this machine\nlacks everything"};
}
constexpr troupe::gpu::KernelModule fake{{FAKE_ABI, FAKE_VERSION}, make};
}  // namespace

extern "C" [[gnu::visibility("default")]] const troupe::gpu::ModuleHeader* troupe_kernel_module() {
  return &fake;
}
