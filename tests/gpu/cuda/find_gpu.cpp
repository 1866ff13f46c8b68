// Prints what the GPU is, a line for each fact, or the one line that says why there is none, and ends with 77.
#include <cstdio>

#include "gpu/cuda_device.hpp"
#include "gpu/device.hpp"
#include "runtime/base/error.hpp"

int main() {
  try {
    const auto device = troupe::gpu::make_cuda_device();
    for (const auto& [key, value] : device->machine_record()) {
      std::printf("%s: %s\n", key.c_str(), value.c_str());
    }
    return 0;
  } catch (const troupe::Error& error) {
    std::printf("%s: %s\n", std::string{to_string(error.code())}.c_str(), error.what());
    return 77;
  }
}
