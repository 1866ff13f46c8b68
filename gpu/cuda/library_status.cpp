#include "gpu/cuda/library_status.hpp"

namespace troupe::gpu::cuda {
namespace {

ErrorCode code_of(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED:
    case CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED:
      return ErrorCode::exhausted;
    case CUDNN_STATUS_NOT_INITIALIZED:
    case CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
    case CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED:
      return ErrorCode::unsupported;
    default:
      break;
  }
  switch (CUDNN_STATUS_CATEGORY(status)) {
    case CUDNN_STATUS_NOT_SUPPORTED:
      return ErrorCode::unsupported;
    case CUDNN_STATUS_EXECUTION_FAILED:
      return ErrorCode::disconnected;
    default:
      return ErrorCode::bug;
  }
}

ErrorCode code_of(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_ALLOC_FAILED:
      return ErrorCode::exhausted;
    case CUBLAS_STATUS_NOT_INITIALIZED:
    case CUBLAS_STATUS_NOT_SUPPORTED:
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return ErrorCode::unsupported;
    case CUBLAS_STATUS_EXECUTION_FAILED:
    case CUBLAS_STATUS_MAPPING_ERROR:
      return ErrorCode::disconnected;
    default:
      return ErrorCode::bug;
  }
}

}  // namespace

void fail(cudnnStatus_t status, const std::string& call, const std::string& where) {
  fail(code_of(status), status, call, cudnnGetErrorString(status), where);
}

void fail(cublasStatus_t status, const std::string& call, const std::string& where) {
  fail(code_of(status), status, call, cublasLtGetStatusString(status), where);
}

}  // namespace troupe::gpu::cuda
