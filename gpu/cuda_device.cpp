#include "gpu/cuda_device.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/device_module.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu {
namespace {

namespace fs = std::filesystem;

/// Where CUDA's libraries may lie beside the folders that the linker knows.
std::vector<fs::path> library_folders() {
  std::vector<fs::path> folders = listed_folders("TROUPE_CUDA_LIBS");
  if (const char* const environment = std::getenv("VIRTUAL_ENV")) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator{fs::path{environment} / "lib", unreadable}) {
      const fs::path packages = entry.path() / "site-packages" / "nvidia";
      folders.push_back(packages / "cudnn" / "lib");
      folders.push_back(packages / "cu13" / "lib");
    }
  }
  return folders;
}

/// Makes a library known under its name before the module asks for it by that name. Where it is not found, the module's
/// own error says so.
void open_library(const char* name, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    if (dlopen((folder / name).c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
  }
  dlopen(name, RTLD_NOW | RTLD_GLOBAL);
}

}  // namespace

std::unique_ptr<Device> make_cuda_device(const CudaOptions& options) {
  // The driver's own library; no GPU works without it, and no toolkit brings it.
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw Error{ErrorCode::unsupported,
                "cuda device: expected an NVIDIA driver, got none (libcuda.so.1 is not there)"};
  }
  const std::vector<fs::path> folders = library_folders();
  for (const char* const name : {"libnvrtc.so.13", "libcublasLt.so.13", "libcudnn.so.9"}) {
    open_library(name, folders);
  }
  std::unique_ptr<Device> device;
  ErrorCode code = ErrorCode::unsupported;
  std::string why_not;
  load_module(
      "device module", "cuda", device_module_entry, device_module_abi,
      [&](const ModuleHeader& module) {
        try {
          device = static_cast<const DeviceModule&>(module).make(options);
        } catch (const Error& error) {
          // A GPU that is full is there all the same.
          if (error.code() == ErrorCode::exhausted) code = error.code();
          throw;
        }
      },
      &why_not);
  if (device == nullptr) throw Error{code, why_not};
  return device;
}

}  // namespace troupe::gpu
