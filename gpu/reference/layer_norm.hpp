#pragma once

#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Layer norm (J. L. Ba, J. R. Kiros, G. E. Hinton, 2016). Sums over a row are in f64: element i goes to lane
/// i mod 16, and the lanes are added in one order; sums over rows are in f64, row after row. The variance is
/// taken around the f64 mean. With n = (x - mean) · inverse and g = dy · scale:
///
///     y  = n · scale + shift
///     dx = inverse · (g - mean of g - n · mean of (g · n))
std::unique_ptr<Kernel> make_kernel(const LayerNorm& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const LayerNormBackward& operation, Isa isa);

}  // namespace troupe::gpu::reference
