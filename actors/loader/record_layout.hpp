#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::actors {

/// How a cleaned record lies in memory and on the disk, little-endian:
///
///     0           features, row-major, in `dtype`
///     …           zeros up to a multiple of 4
///     bytes() - 4 label: i32, or f32 where there are no classes
struct RecordLayout {
  gpu::Shape shape;
  gpu::DType dtype = gpu::DType::f32;  ///< u8 or f32
  std::int64_t classes = 0;

  std::size_t elements() const { return static_cast<std::size_t>(shape.elements()); }
  std::size_t feature_bytes() const { return elements() * gpu::size_bytes(dtype); }
  std::size_t label_offset() const { return (feature_bytes() + 3) / 4 * 4; }
  std::size_t bytes() const { return label_offset() + 4; }

  bool operator==(const RecordLayout&) const = default;
};

}  // namespace troupe::actors
