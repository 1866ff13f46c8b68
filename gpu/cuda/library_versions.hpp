#pragma once

#include <cstddef>
#include <string>

namespace troupe::gpu::cuda {

/// What the libraries here say of themselves.
struct LibraryVersions {
  int driver =
      0;  ///< of the CUDA version that it knows: 1000 · major + 10 · minor; 0: there is none
  std::size_t cudnn = 0;     ///< 10000 · major + 100 · minor + patch
  std::size_t cublaslt = 0;  ///< the same
  bool nvrtc = false;  ///< whether that of CUDA 13 is there: cuDNN compiles fused graphs with it
};

/// What is missing or too old: what was expected, and what was found. Empty: nothing.
std::string problem_of(const LibraryVersions& found);

/// "13.0" for 13000.
std::string cuda_version_text(int version);
/// "9.8.0" for 90800.
std::string library_version_text(std::size_t version);

}  // namespace troupe::gpu::cuda
