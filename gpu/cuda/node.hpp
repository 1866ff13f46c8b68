#pragma once

#include <cstddef>

struct CUstream_st;

namespace troupe::gpu::cuda {

/// What cudaStream_t is, for those who need nothing else of CUDA.
using StreamHandle = CUstream_st*;

/// One operation made ready for one shape on the GPU. Used by one thread at a time.
class Node {
 public:
  virtual ~Node() = default;
  /// Bytes of memory that `enqueue` may write to for as long as it runs; the same at every call.
  virtual std::size_t scratch_bytes() const { return 0; }
  /// Enqueues the operation. `operands` are device addresses, in the order that the operation names; `scratch` lies at
  /// a multiple of 256. May be captured into a CUDA graph: it allocates, waits for and asks nothing. Equal inputs give
  /// equal bits. @throws Error with the call that failed.
  virtual void enqueue(StreamHandle stream, void* const* operands, void* scratch) = 0;
};

}  // namespace troupe::gpu::cuda
