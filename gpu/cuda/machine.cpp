#include "gpu/cuda/machine.hpp"

#include <cstddef>

#include "gpu/cuda/library_status.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr int oldest_driver =
    13000;  // of the CUDA version that it knows: 1000 · major + 10 · minor
constexpr std::size_t oldest_cudnn = 90800;  // 10000 · major + 100 · minor + patch
constexpr int oldest_major = 8;              // compute capability: Ampere

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::unsupported, "cuda device: " + what};
}

std::string version_text(int cuda) {
  return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}

std::string cudnn_text(std::size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

void check_libraries() {
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  if (driver == 0) refuse("expected an NVIDIA driver, got none");
  if (driver < oldest_driver) {
    refuse("expected a driver for CUDA " + version_text(oldest_driver) + " or newer, got one for " +
           version_text(driver));
  }
  if (cudnnGetVersion() < oldest_cudnn) {
    refuse("expected cuDNN " + cudnn_text(oldest_cudnn) + " or newer, got " +
           cudnn_text(cudnnGetVersion()));
  }
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
          {"cuda.driver", version_text(driver)},
          {"cuda.runtime", version_text(runtime)},
          {"cuda.cudnn", cudnn_text(cudnnGetVersion())},
          {"cuda.cublaslt", std::to_string(cublasLtGetVersion())}};
}

}  // namespace troupe::gpu::cuda
