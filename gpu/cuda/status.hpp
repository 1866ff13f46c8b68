#pragma once

#include <string>

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

namespace troupe::gpu::cuda {

/// The one place where a status becomes an Error: with `call`, the library's text and, where there is one, `where`
/// (an operation with its shape, a tensor). `exhausted` for want of memory, `unsupported` for a missing device, driver or
/// function, `disconnected` where the context is lost, so that only another process can go on, `bug` otherwise.
[[noreturn]] void fail(cudaError_t status, const std::string& call, const std::string& where = {});
[[noreturn]] void fail(cudnnStatus_t status, const std::string& call,
                       const std::string& where = {});
[[noreturn]] void fail(cublasStatus_t status, const std::string& call,
                       const std::string& where = {});

inline void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(status, call);
}
inline void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) fail(status, call);
}
inline void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(status, call);
}

}  // namespace troupe::gpu::cuda
