#pragma once

#include <cstddef>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/onednn/context.hpp"
#include "gpu/operation.hpp"

/// Batch norm in as few passes over memory as there can be, which is what it costs: one for the statistics (forward)
/// or sums (backward) and one that writes. One thread, AVX-512, a multiple of 16 channels; null for everything else.
/// Within a block of rows that stays in the L1 cache sums are f32, among blocks f64 (Chan, Golub, LeVeque:
/// Updating formulae and a pairwise algorithm for computing sample variances, 1979).
namespace troupe::gpu::onednn {

std::unique_ptr<Kernel> make_wide_kernel(const Recipe& recipe, const BatchNorm& op);
std::unique_ptr<Kernel> make_wide_kernel(const Recipe& recipe, const BatchNormBackward& op);

/// A bit an element: whether relu let it pass.
std::size_t wide_workspace_bytes(const BatchNorm& op);

}  // namespace troupe::gpu::onednn
