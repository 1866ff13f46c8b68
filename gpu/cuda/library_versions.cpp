#include "gpu/cuda/library_versions.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr int oldest_driver = 13000;
constexpr std::size_t oldest_cudnn = 90800, oldest_cublaslt = 130000;

std::string too_old(const char* name, std::size_t found, std::size_t oldest) {
  if (found >= oldest) return {};
  return std::string{"expected "} + name + " " + library_version_text(oldest) + " or newer, got " +
         library_version_text(found);
}

}  // namespace

std::string problem_of(const LibraryVersions& found) {
  if (found.driver == 0) return "expected an NVIDIA driver, got none";
  if (found.driver < oldest_driver) {
    return "expected a driver for CUDA " + cuda_version_text(oldest_driver) +
           " or newer, got one for " + cuda_version_text(found.driver);
  }
  if (auto problem = too_old("cuDNN", found.cudnn, oldest_cudnn); !problem.empty()) return problem;
  if (auto problem = too_old("cuBLASLt", found.cublaslt, oldest_cublaslt); !problem.empty())
    return problem;
  return found.nvrtc ? "" : "expected NVRTC of CUDA 13, got none (libnvrtc.so.13 is not there)";
}

std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string library_version_text(std::size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace troupe::gpu::cuda
