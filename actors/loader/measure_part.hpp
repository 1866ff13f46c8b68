#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "actors/loader/data_spec.hpp"
#include "actors/loader/record_layout.hpp"
#include "gpu/transform/moments.hpp"

namespace troupe::actors {

/// What the map over parts of the training split gives.
struct MeasuredPart {
  gpu::Moments moments;  ///< before the `normalize` that is measured; without any, of no values
  std::vector<std::uint64_t> class_counts;
};

/// A part of the training split: records [index * 4096, (index + 1) * 4096), as they are stored.
/// @param records all of the split's. @throws Error bad_input if there is no such part, corrupted for a label out of
/// range or a size that is none of whole records.
MeasuredPart measure_part(const RecordLayout& layout, const PreprocessSpec& spec,
                          std::span<const std::byte> records, std::uint32_t index);

/// What the training split is like.
struct Measured {
  /// One pair, or one a channel. A channel of one value only has deviation 1, so that it becomes 0 (Moments::normalize
  /// would refuse it, but tables have such columns, and border pixels are such).
  gpu::Normalize normalize;
  std::vector<std::uint64_t> class_counts;
};

/// @param parts of the training split, in order; merged by the canonical tree. @throws Error bad_input for none.
Measured merged(std::span<const MeasuredPart> parts, const PreprocessSpec& spec);

}  // namespace troupe::actors
