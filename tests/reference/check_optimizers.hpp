#pragma once

#include "gpu/device.hpp"

namespace troupe::test::reference {

/// Checks that a device's updaters agree with the double-precision optimizers over many steps, and that they have the bits
/// of the CPU's: an update may be anybody's (JOB-6).
void check_optimizers(gpu::Device& device);

}  // namespace troupe::test::reference
