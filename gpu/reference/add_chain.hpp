#pragma once

#include <cstddef>
#include <span>

#include "gpu/dtype.hpp"

namespace troupe::gpu::reference {

/// to = t0 + (t1 + (… + tk)), element by element and in one pass (JOB-5); `to` may be any of the terms. The
/// terms are f32, f64 or i64 (which wraps) and aligned to that. Sets the floating-point environment of JOB-6.
/// Thread-safe.
/// @throws Error bad_input for another type, or unless there are 1 to 64 terms.
void add_chain(DType dtype, std::span<const std::byte* const> terms, std::byte* to,
               std::size_t elements);

}  // namespace troupe::gpu::reference
