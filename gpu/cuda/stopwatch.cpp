#include "gpu/cuda/stopwatch.hpp"

#include "gpu/cuda/status.hpp"
#include "gpu/cuda/stream.hpp"

namespace troupe::gpu::cuda {

CudaStopwatch::~CudaStopwatch() {
  for (cudaEvent_t const event : events_) cudaEventDestroy(event);
}

void CudaStopwatch::mark(Stream& stream) {
  if (marks_ == events_.size()) {
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDefault), "cudaEventCreateWithFlags");
    events_.push_back(event);
  }
  check(cudaEventRecord(events_[marks_], static_cast<CudaStream&>(stream).handle()),
        "cudaEventRecord");
  ++marks_;
}

std::vector<double> CudaStopwatch::lap() {
  std::vector<double> seconds;
  for (std::size_t i = 1; i < marks_; ++i) {
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, events_[i - 1], events_[i]), "cudaEventElapsedTime");
    seconds.push_back(static_cast<double>(milliseconds) / 1000.0);
  }
  marks_ = 0;
  return seconds;
}

}  // namespace troupe::gpu::cuda
