#pragma once

#include <memory>

#include "gpu/device.hpp"

namespace troupe::test::cuda {

/// A gpu::cuda::CudaDevice. In emulated_device.cpp over the emulated runtime (tests/support/cuda_emulator), where our own
/// kernels are the real ones, and what cuDNN and cuBLASLt compute on a GPU comes from the portable kernels, in f32 and in
/// bf16. In on_gpu/device.cpp the GPU itself.
/// @param graphs  as gpu::CudaOptions has it
std::unique_ptr<gpu::Device> make_test_device(bool graphs = true);

}  // namespace troupe::test::cuda
