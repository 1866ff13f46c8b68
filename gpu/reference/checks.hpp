#pragma once

#include <cstdint>
#include <initializer_list>

#include "gpu/operation.hpp"

namespace troupe::gpu::reference {

/// @throws Error bad_input unless all of the operation's sizes are at least 1.
void check_sizes(const Operation& operation, std::initializer_list<std::int64_t> sizes);
/// @throws Error bad_input if a size is not at least 1, or the groups do not divide the channels.
void check_geometry(const Operation& operation, const ConvolutionGeometry& geometry);
/// @throws Error bad_input unless the activation is none or relu.
void check_none_or_relu(const Operation& operation, Activation activation);

}  // namespace troupe::gpu::reference
