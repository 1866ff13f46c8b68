#pragma once

#include <memory>

#include "gpu/kernel.hpp"

namespace troupe::test {

/// Computes in bf16 by `wide`, a library that knows f32 alone: operands are widened before each kernel, results rounded
/// after it. What a backend that computes in bf16 is compared with, and plans in bf16 are tried out on the CPU by. Null
/// for what is in f32.
std::shared_ptr<gpu::KernelLibrary> make_narrow_library(std::shared_ptr<gpu::KernelLibrary> wide);

}  // namespace troupe::test
