#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"
#include "serialization/safetensors.hpp"

namespace troupe::serialization {

inline constexpr std::uint64_t max_safetensors_header = 100'000'000;

struct SafetensorsHeader {
  struct Tensor {
    std::string name;
    gpu::DType dtype = gpu::DType::f32;
    gpu::Shape shape;
    std::uint64_t begin = 0, end = 0;  // bytes, from the first byte behind the header
  };
  std::vector<Tensor> tensors;  // as they stand in the file
  SafetensorsMetadata metadata;
};

/// What the JSON says, with its form checked, but not whether the offsets fit anything.
/// @throws Error corrupted or unsupported, beginning with `where`.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& where);

/// The JSON, not padded. @throws Error bad_input if a text is no UTF-8.
std::string format_safetensors_header(std::span<const NamedTensorView> tensors,
                                      const SafetensorsMetadata& metadata);

}  // namespace troupe::serialization
