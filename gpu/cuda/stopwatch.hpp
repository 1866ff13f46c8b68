#pragma once

#include <cstddef>
#include <vector>

#include <cuda_runtime_api.h>

#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

/// By CUDA's events, which are kept for the next marks.
class CudaStopwatch final : public Stopwatch {
 public:
  CudaStopwatch() = default;
  ~CudaStopwatch() override;
  CudaStopwatch(const CudaStopwatch&) = delete;
  CudaStopwatch& operator=(const CudaStopwatch&) = delete;

  void mark(Stream& stream) override;
  std::vector<double> lap() override;

 private:
  std::vector<cudaEvent_t> events_;
  std::size_t marks_ = 0;
};

}  // namespace troupe::gpu::cuda
