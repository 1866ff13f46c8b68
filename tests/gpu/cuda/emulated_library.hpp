#pragma once

#include "tests/reference/libraries.hpp"

namespace troupe::test::cuda {

/// The nodes of our own CUDA kernels, run on the CPU by the emulator: gpu/cuda/own_nodes.hpp with host addresses, and
/// scratch between guards.
reference::Subject emulated();

}  // namespace troupe::test::cuda
