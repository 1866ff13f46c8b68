#pragma once

#include <memory>

#include "gpu/device.hpp"

namespace troupe::test::cuda {

/// gpu::cuda::CudaDevice over the emulated runtime (tests/support/cuda_emulator). Our own kernels are the real ones; what
/// cuDNN and cuBLASLt compute on a GPU comes from the portable kernels, in f32 and in bf16.
/// @param graphs  as gpu::CudaOptions has it
std::unique_ptr<gpu::Device> make_emulated_device(bool graphs = true);

}  // namespace troupe::test::cuda
