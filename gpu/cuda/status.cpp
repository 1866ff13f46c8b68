#include "gpu/cuda/status.hpp"

#include "gpu/cuda/kernels/launch_error.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

ErrorCode code_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return ErrorCode::exhausted;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorNotSupported:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return ErrorCode::unsupported;
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorAssert:
    case cudaErrorContained:
      return ErrorCode::disconnected;
    default:
      return ErrorCode::bug;
  }
}

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

template <class Status>
[[noreturn]] void refuse(Status status, const std::string& call, const std::string& text,
                         const std::string& where) {
  std::string line =
      "cuda: " + call + ": " + text + " (" + std::to_string(static_cast<int>(status)) + ")";
  if (!where.empty()) line += ", " + where;
  throw Error{code_of(status), line};
}

}  // namespace

void fail(cudaError_t status, const std::string& call, const std::string& where) {
  refuse(status, call, cudaGetErrorString(status), where);
}

void fail(cudnnStatus_t status, const std::string& call, const std::string& where) {
  refuse(status, call, cudnnGetErrorString(status), where);
}

void fail(cublasStatus_t status, const std::string& call, const std::string& where) {
  refuse(status, call, cublasLtGetStatusString(status), where);
}

void fail_launch(int status, const char*) {
  fail(static_cast<cudaError_t>(status), "cudaLaunchKernelEx");
}

}  // namespace troupe::gpu::cuda
