#include "gpu/cuda/status.hpp"

#include "gpu/cuda/kernels/launch_error.hpp"

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

}  // namespace

void fail(ErrorCode code, int status, const std::string& call, const std::string& text,
          const std::string& where) {
  std::string line = "cuda: " + call + ": " + text + " (" + std::to_string(status) + ")";
  if (!where.empty()) line += ", " + where;
  throw Error{code, line};
}

void fail(cudaError_t status, const std::string& call, const std::string& where) {
  fail(code_of(status), status, call, cudaGetErrorString(status), where);
}

void fail_launch(int status, const char*) {
  fail(static_cast<cudaError_t>(status), "cudaLaunchKernelEx");
}

}  // namespace troupe::gpu::cuda
