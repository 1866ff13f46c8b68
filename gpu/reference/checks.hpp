#pragma once

#include <cstdint>
#include <initializer_list>

#include "gpu/operation.hpp"

namespace troupe::gpu::reference {

/// @throws Error bad_input unless all of the operation's sizes are at least 1.
void check_sizes(const Operation& operation, std::initializer_list<std::int64_t> sizes);
/// @throws Error bad_input if a size is not at least 1, or the groups do not divide the channels.
void check_geometry(const Operation& operation, const ConvolutionGeometry& geometry);
/// @throws Error bad_input if the geometry is not one of pooling, or a tap's number would not fit an i32.
void check_pooling(const Operation& operation, const ConvolutionGeometry& geometry);
/// @throws Error bad_input unless the activation is none or relu.
void check_none_or_relu(const Operation& operation, Activation activation);
/// Of an operation that goes element by element or row by row; nothing of any other.
/// @throws Error bad_input if a size, rate or index is out of its range.
void check_pointwise(const Operation& operation);

}  // namespace troupe::gpu::reference
