#include "gpu/cuda/utilisation.hpp"

#include <dlfcn.h>

#include <array>

#include <cuda_runtime_api.h>

namespace troupe::gpu::cuda {
namespace {

/// A function of the library, by NVML's interface, which has its version in its functions' names; null: it is not there.
template <class Function>
Function* function(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

}  // namespace

Utilisation::Utilisation(int device) {
  // It stays open, as CUDA's own libraries do.
  void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW);
  if (library == nullptr) return;
  auto* const start = function<int()>(library, "nvmlInit_v2");
  auto* const find =
      function<int(const char*, void**)>(library, "nvmlDeviceGetHandleByPciBusId_v2");
  auto* const read = function<int(void*, Rates*)>(library, "nvmlDeviceGetUtilizationRates");
  std::array<char, 64> bus{};  // by which both libraries know it, whatever the environment hides
  if (start == nullptr || find == nullptr || read == nullptr || start() != 0 ||
      cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), device) != cudaSuccess ||
      find(bus.data(), &device_) != 0)
    return;
  read_ = read;
}

std::optional<double> Utilisation::busy() const {
  Rates rates{};
  if (read_ == nullptr || read_(device_, &rates) != 0) return {};
  return static_cast<double>(rates.gpu) / 100.0;
}

}  // namespace troupe::gpu::cuda
