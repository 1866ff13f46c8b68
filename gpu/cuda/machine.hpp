#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

namespace troupe::gpu::cuda {

/// What GPU `index` is. @throws Error unsupported without a driver or that GPU, and where driver, GPU or cuDNN are older
/// than needed, naming the version found and the one needed.
cudaDeviceProp find_gpu(int index);

/// The GPU and the versions of all that computes on it (JOB-6).
std::vector<std::pair<std::string, std::string>> machine_record(const cudaDeviceProp& gpu);

}  // namespace troupe::gpu::cuda
