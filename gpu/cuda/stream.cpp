#include "gpu/cuda/stream.hpp"

#include <chrono>
#include <cstring>
#include <thread>

#include "gpu/cuda/kernels/marks.hpp"
#include "gpu/cuda/status.hpp"

namespace troupe::gpu::cuda {

CudaEvent::CudaEvent(Memory& memory)
    : mark_{memory.allocate_pinned(sizeof(std::uint64_t), "an event")} {
  check(cudaEventCreateWithFlags(&event_, cudaEventBlockingSync | cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
}

CudaEvent::~CudaEvent() {
  cudaEventDestroy(event_);
}

std::uint64_t CudaEvent::reached() const {
  const auto* const count = reinterpret_cast<const std::uint64_t*>(mark_->data());
  return std::atomic_ref{*const_cast<std::uint64_t*>(count)}.load(std::memory_order_acquire);
}

void CudaEvent::wait(std::uint64_t count) const {
  wait_enqueued(count);
  while (reached() < count) {
    check(cudaEventSynchronize(event_), "cudaEventSynchronize");
    // A record within a graph may not have begun, so that there was nothing to sleep for.
    if (reached() < count) std::this_thread::sleep_for(std::chrono::microseconds{20});
    check(cudaPeekAtLastError(), "cudaEventSynchronize");
  }
}

void CudaEvent::record(cudaStream_t stream, bool captured) {
  add_mark(stream, reinterpret_cast<std::uint64_t*>(mark_->data()));
  if (captured) {
    check(cudaEventRecordWithFlags(event_, stream, cudaEventRecordExternal),
          "cudaEventRecordWithFlags");
  } else {
    check(cudaEventRecord(event_, stream), "cudaEventRecord");
    launched();
  }
}

void CudaEvent::launched() {
  enqueued_.fetch_add(1, std::memory_order_release);
  enqueued_.notify_all();
}

void CudaEvent::make_wait(cudaStream_t stream, std::uint64_t count) const {
  wait_enqueued(count);
  check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
}

void CudaEvent::wait_enqueued(std::uint64_t count) const {
  for (std::uint64_t now = enqueued_.load(std::memory_order_acquire); now < count;
       now = enqueued_.load(std::memory_order_acquire)) {
    enqueued_.wait(now, std::memory_order_acquire);
  }
}

CudaStream::CudaStream() {
  // Work of the legacy default stream, which none of ours uses, need not be waited for.
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

CudaStream::~CudaStream() {
  cudaStreamDestroy(stream_);
}

void CudaStream::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "cudaMemcpyAsync");
}

void CudaStream::begin_recording() {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
  recording_ = true;
}

cudaGraph_t CudaStream::end_recording() {
  recording_ = false;
  cudaGraph_t graph = nullptr;
  return cudaStreamEndCapture(stream_, &graph) == cudaSuccess ? graph : nullptr;
}

void CudaStream::synchronize() {
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
}

}  // namespace troupe::gpu::cuda
