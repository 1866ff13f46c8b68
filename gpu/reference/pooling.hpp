#pragma once

#include <cstddef>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Windows are read tap by tap, and gradients added position by position. A window that sees padding alone
/// gives 0 and passes no gradient. A NaN wins a maximum; among equals the first tap does.
std::unique_ptr<Kernel> make_kernel(const Pool& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const PoolBackward& operation, Isa isa);
std::size_t workspace_bytes(const Pool& operation);
std::size_t workspace_bytes(const PoolBackward& operation);

}  // namespace troupe::gpu::reference
