#pragma once

#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Products of matrices, summed as gemm.hpp says: forward and backward data over a row, backward weights
/// over rows.
std::unique_ptr<Kernel> make_kernel(const Dense& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const DenseBackwardData& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const DenseBackwardWeights& operation, Isa isa);

}  // namespace troupe::gpu::reference
