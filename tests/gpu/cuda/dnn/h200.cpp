#include "tests/gpu/cuda/dnn/h200.hpp"

#include <string>

#include <dlfcn.h>

#include "runtime/base/file.hpp"

namespace troupe::test::cuda {

gpu::cuda::dnn::Target h200() {
  const FileBytes bytes = posix_files().read(TROUPE_H200_JSON, 1 << 20);
  const std::string json{reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
  return gpu::cuda::dnn::Target::described(json, "NVIDIA H200, 9.0, 132 multiprocessors");
}

bool has_driver_or_stub() {
  // Never closed: cuDNN finds it by its name among what is loaded.
  static void* const library = [] {
    void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    return driver != nullptr ? driver : dlopen(TROUPE_CUDA_STUB, RTLD_NOW | RTLD_GLOBAL);
  }();
  return library != nullptr;
}

}  // namespace troupe::test::cuda
