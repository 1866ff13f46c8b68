#include "gpu/cuda/recorded.hpp"

#include "gpu/cuda/status.hpp"

namespace troupe::gpu::cuda {

CudaRecorded::CudaRecorded(CudaStream& stream, const std::function<void()>& enqueue) {
  stream.begin_recording();
  cudaGraph_t graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    graph = stream.end_recording();
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  graph = stream.end_recording();
  check(graph != nullptr ? cudaSuccess : cudaGetLastError(), "cudaStreamEndCapture");
  const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
}

CudaRecorded::~CudaRecorded() {
  if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
}

void CudaRecorded::launch(Stream& stream) {
  check(cudaGraphLaunch(graph_, static_cast<CudaStream&>(stream).handle()), "cudaGraphLaunch");
}

}  // namespace troupe::gpu::cuda
