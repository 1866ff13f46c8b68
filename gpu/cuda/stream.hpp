#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <cuda_runtime_api.h>

#include "gpu/cuda/memory.hpp"
#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

/// A mark in a stream. The GPU counts the records that it has reached in memory that the host reads; a CUDA event lets
/// the host sleep, and streams wait.
class CudaEvent final : public Event {
 public:
  explicit CudaEvent(Memory& memory);
  ~CudaEvent() override;
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  std::uint64_t reached() const override;
  /// @throws Error if the device has failed, since the record would never be reached.
  void wait(std::uint64_t count) const override;

  /// Enqueues a record. While `stream` is being captured the record becomes part of the graph, and launched() is to be
  /// called after each launch of it.
  void record(cudaStream_t stream, bool captured);
  void launched();
  /// Blocks until so many records have been enqueued, then makes the stream wait for the last of them.
  void make_wait(cudaStream_t stream, std::uint64_t count) const;

 private:
  void wait_enqueued(std::uint64_t count) const;

  std::shared_ptr<Storage> mark_;  // the GPU's count, in host memory
  cudaEvent_t event_ = nullptr;
  std::atomic<std::uint64_t> enqueued_{0};
};

class CudaStream final : public Stream {
 public:
  CudaStream();
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override;
  void record(Event& event) override { static_cast<CudaEvent&>(event).record(stream_, false); }
  void wait(const Event& event, std::uint64_t count) override {
    static_cast<const CudaEvent&>(event).make_wait(stream_, count);
  }
  void synchronize() override;

  cudaStream_t handle() const { return stream_; }

  /// From here on what is enqueued becomes a graph instead, which end_recording() gives; null if that failed.
  void begin_recording();
  cudaGraph_t end_recording();
  bool recording() const override { return recording_; }

 private:
  cudaStream_t stream_ = nullptr;
  bool recording_ = false;
};

}  // namespace troupe::gpu::cuda
