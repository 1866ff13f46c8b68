#pragma once

#include <memory>

#include "gpu/cuda/memory.hpp"
#include "gpu/resident_data.hpp"

namespace troupe::gpu::cuda {

/// As Device::make_resident: null for chains with a OneHot, and for samples of more than 2^31 elements.
std::unique_ptr<ResidentData> make_resident_data(int device, Memory& memory,
                                                 const ResidentSpec& spec);

}  // namespace troupe::gpu::cuda
