#pragma once

#include <memory>

#include "gpu/kernel.hpp"

namespace troupe::gpu::reference {

/// A kernel for what works element by element or row by row: activations, softmax, dropout, add, copies, casts
/// and losses. Null for every other operation.
/// @throws Error bad_input for sizes or constants that are out of range.
std::unique_ptr<Kernel> make_pointwise(const Operation& operation);

}  // namespace troupe::gpu::reference
