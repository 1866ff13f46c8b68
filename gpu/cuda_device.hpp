#pragma once

#include <filesystem>
#include <memory>

namespace troupe::gpu {
class Device;

struct CudaOptions {
  int index = 0;              ///< among the GPUs that CUDA_VISIBLE_DEVICES leaves
  bool tf32 = false;          ///< f32 products of matrices may be rounded to 10 bits of mantissa
  bool deterministic = true;  ///< only algorithms that repeat their bits (JOB-9: false is exempt)
  bool graphs =
      true;  ///< a program's second run is recorded as a CUDA graph; false: each operation by itself
  std::filesystem::path plan_cache;  ///< a folder for built plans; empty: none is kept
};

/// An NVIDIA GPU as a device, by the module `cuda`. The process's first use of CUDA: it takes a second, and the
/// process can be forked no more. The device may be used by several threads at once, except for `compile` and
/// `workspace_bytes`; each program, stream and updater by one.
///
/// CUDA's libraries are sought in the folders of TROUPE_CUDA_LIBS (separated by colons), then in the Python packages
/// `nvidia` of an active virtual environment, then where the system looks.
/// @throws Error exhausted if the GPU is full, else unsupported with one line that says why it cannot be had: no driver,
/// no GPU, no module, a library that is missing or older than needed.
std::unique_ptr<Device> make_cuda_device(const CudaOptions& options = {});

}  // namespace troupe::gpu
