#pragma once

#include <cstddef>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// A portable kernel for what sums over more than a row's width: dense layers, convolutions, pooling, batch
/// and layer norm, and their derivatives. Null for every other operation.
///
/// Single-threaded. Scratch is allocated here, none in run(). Equal inputs give equal bits, whatever `isa` is
/// (JOB-6); a row of a dense layer's or a convolution's output has the same bits whatever the other rows are.
/// (This is not promised for the sign and payload of a NaN.) No operand need be aligned beyond its element.
/// `isa` must be one that this processor has.
/// @throws Error bad_input for sizes below 1, groups that do not divide the channels, or an activation that
/// the operation does not fuse.
std::unique_ptr<Kernel> make_contraction(const Operation& operation, Isa isa = reference::isa());

/// Bytes of the operand named workspace: an i32 an output in max pooling (the tap of the first maximum, row by
/// row of the window, or -1), a byte an element in a batch norm with relu (whether its gradient passes), else
/// 0.
std::size_t contraction_workspace_bytes(const Operation& operation);

}  // namespace troupe::gpu::reference
