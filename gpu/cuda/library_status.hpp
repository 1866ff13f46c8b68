#pragma once

#include <string>

#include <cublasLt.h>
#include <cudnn.h>

#include "gpu/cuda/status.hpp"

namespace troupe::gpu::cuda {

/// As status.hpp has it, for cuDNN and cuBLAS.
[[noreturn]] void fail(cudnnStatus_t status, const std::string& call,
                       const std::string& where = {});
[[noreturn]] void fail(cublasStatus_t status, const std::string& call,
                       const std::string& where = {});

inline void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) fail(status, call);
}
inline void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(status, call);
}

}  // namespace troupe::gpu::cuda
