#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/dtype.hpp"

namespace troupe::gpu {
class Device;
class Stream;
}  // namespace troupe::gpu

namespace troupe::gpu::nn {

/// What a device reaches in one large product of matrices, in multiplications and additions a second: by the layer `dense`, as
/// square as it is large, from small ones on until one takes a millisecond. What a step reaches is a share of it.
/// @param largest  rows and columns that are not exceeded, at least 64
/// @throws Error as Device::compile does; exhausted.
double matrix_peak(Device& device, DType type, std::int64_t largest = 4096);

/// Random numbers from -1/2 to 1/2 in bf16, which in pairs are nearly such in f32 as well, for what is timed: products of zeros take
/// less power, and so may be faster. Blocks. @throws Error exhausted.
void fill_with_numbers(Device& device, Stream& stream, std::byte* to, std::size_t bytes);

}  // namespace troupe::gpu::nn
