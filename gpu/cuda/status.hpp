#pragma once

#include <string>

#include <cuda_runtime_api.h>

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {

/// Where a status of CUDA's becomes an Error: with `call`, CUDA's text and, where there is one, `where` (an operation with
/// its shape, a tensor). `exhausted` for want of memory, `unsupported` for a missing device, driver or function,
/// `disconnected` where the context is lost, so that only another process can go on, `bug` otherwise.
[[noreturn]] void fail(cudaError_t status, const std::string& call, const std::string& where = {});

inline void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(status, call);
}

/// The Error itself, for statuses of all libraries.
[[noreturn]] void fail(ErrorCode code, int status, const std::string& call, const std::string& text,
                       const std::string& where);

}  // namespace troupe::gpu::cuda
