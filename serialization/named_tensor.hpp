#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::serialization {

/// A tensor in memory that belongs to somebody else: dense, row-major, little-endian, unpadded.
struct NamedTensorView {
  std::string_view name;
  gpu::DType dtype;
  gpu::Shape shape;
  std::span<const std::byte> bytes;
};

/// The tensors in order of name, compared byte by byte.
/// @throws Error bad_input if two bear one name, or one's bytes do not fit its type and shape.
std::vector<NamedTensorView> sorted_by_name(std::span<const NamedTensorView> tensors);

/// @throws Error bad_input, naming the tensor, unless `bytes` is as long as type and shape say.
void check_size(const NamedTensorView& tensor);

}  // namespace troupe::serialization
