#include "gpu/cuda/machine.hpp"

#include <dlfcn.h>

#include "gpu/cuda/library_status.hpp"
#include "gpu/cuda/library_versions.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr int oldest_major = 8;  // compute capability: Ampere

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::unsupported, "cuda device: " + what};
}

void check_libraries() {
  LibraryVersions found;
  check(cudaDriverGetVersion(&found.driver), "cudaDriverGetVersion");
  found.cudnn = cudnnGetVersion();
  found.cublaslt = cublasLtGetVersion();
  // Never closed: cuDNN uses it.
  found.nvrtc = dlopen("libnvrtc.so.13", RTLD_NOW | RTLD_LOCAL) != nullptr;
  if (const std::string problem = problem_of(found); !problem.empty()) refuse(problem);
}

}  // namespace

cudaDeviceProp find_gpu(int index) {
  check_libraries();
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    refuse("expected a GPU, got none");
  check(status, "cudaGetDeviceCount");
  if (index < 0 || index >= count) {
    refuse("expected a GPU from 0 to " + std::to_string(count - 1) + ", got " +
           std::to_string(index));
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  if (properties.major < oldest_major) {
    refuse("expected a GPU of compute capability " + std::to_string(oldest_major) +
           ".0 or more, got " + properties.name + " of " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor));
  }
  return properties;
}

std::vector<std::pair<std::string, std::string>> machine_record(const cudaDeviceProp& gpu) {
  int driver = 0, runtime = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  return {{"cuda.gpu", gpu.name},
          {"cuda.compute_capability", std::to_string(gpu.major) + "." + std::to_string(gpu.minor)},
          {"cuda.multiprocessors", std::to_string(gpu.multiProcessorCount)},
          {"cuda.driver", cuda_version_text(driver)},
          {"cuda.runtime", cuda_version_text(runtime)},
          {"cuda.cudnn", library_version_text(cudnnGetVersion())},
          {"cuda.cublaslt", library_version_text(cublasLtGetVersion())}};
}

}  // namespace troupe::gpu::cuda
