#pragma once

#include <cuda_runtime_api.h>

#include "gpu/cuda/stream.hpp"
#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

/// A CUDA graph that can be launched.
class CudaRecorded final : public Recorded {
 public:
  /// @throws whatever `enqueue` does; the stream is then as it was.
  CudaRecorded(CudaStream& stream, const std::function<void()>& enqueue);
  ~CudaRecorded() override;
  CudaRecorded(const CudaRecorded&) = delete;
  CudaRecorded& operator=(const CudaRecorded&) = delete;

  void launch(Stream& stream) override;

 private:
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace troupe::gpu::cuda
