#include "actors/loader/measure_part.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "actors/loader/clean_part.hpp"
#include "actors/loader/input_chain.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::actors {
namespace {

std::size_t channels_of(const gpu::Shape& shape) {
  return static_cast<std::size_t>(shape[shape.rank() - 1]);
}

void count_class(std::span<const std::byte> record, const RecordLayout& layout,
                 std::vector<std::uint64_t>& counts) {
  std::int32_t label;
  std::memcpy(&label, record.data() + layout.label_offset(), sizeof label);
  if (label < 0 || label >= layout.classes) {
    throw Error{ErrorCode::corrupted, "prepared data: expected a label from 0 to " +
                                          std::to_string(layout.classes - 1) + ", got " +
                                          std::to_string(label)};
  }
  ++counts[static_cast<std::size_t>(label)];
}

}  // namespace

MeasuredPart measure_part(const RecordLayout& layout, const PreprocessSpec& spec,
                          std::span<const std::byte> records, std::uint32_t index) {
  const FloatEnvironment environment;
  const std::size_t bytes = layout.bytes();
  if (records.size() % bytes != 0) {
    throw Error{ErrorCode::corrupted, "prepared data: expected records of " +
                                          std::to_string(bytes) + " bytes, got " +
                                          std::to_string(records.size())};
  }
  const std::uint64_t size = records.size() / bytes;
  const std::uint64_t first = index * RawPart::records;
  if (first >= size) {
    throw Error{ErrorCode::bad_input, "prepared data: expected a part below " +
                                          std::to_string(parts_of(size)) + ", got " +
                                          std::to_string(index)};
  }
  const gpu::TransformChain chain =
      raw_chain(spec, layout.shape, layout.dtype, gpu::Normalize{}, ChainUse::measuring);
  MeasuredPart result{gpu::Moments{channels_of(chain.out_shape())},
                      std::vector<std::uint64_t>(static_cast<std::size_t>(layout.classes))};
  std::vector<float> values(static_cast<std::size_t>(chain.out_shape().elements()));
  gpu::TransformScratch scratch;
  for (std::uint64_t i = first; i < std::min(first + RawPart::records, size); ++i) {
    const std::span<const std::byte> record = records.subspan(i * bytes, bytes);
    if (layout.classes > 0) count_class(record, layout, result.class_counts);
    if (!spec.measured_at) continue;
    chain.apply(record.first(layout.feature_bytes()), 0, i,
                std::as_writable_bytes(std::span{values}), scratch);
    result.moments.add(values);
  }
  return result;
}

Measured merged(std::span<const MeasuredPart> parts, const PreprocessSpec& spec) {
  const FloatEnvironment environment;
  std::vector<gpu::Moments> moments;
  Measured result;
  for (const MeasuredPart& part : parts) {
    moments.push_back(part.moments);
    result.class_counts.resize(part.class_counts.size());
    for (std::size_t i = 0; i < part.class_counts.size(); ++i)
      result.class_counts[i] += part.class_counts[i];
  }
  const gpu::Moments all = gpu::merged(moments);
  if (!spec.measured_at) return result;
  result.normalize = {{}, {}};
  const auto count = static_cast<double>(all.count());
  for (const gpu::Moments::Sums& sums : all.sums()) {
    const double mean = sums.values / count;
    const double variance = sums.squares / count - mean * mean;
    // Of values that are equal, or nearly so, the variance is what rounding left.
    const bool constant = sums.smallest == sums.largest || !(variance > 0);
    result.normalize.mean.push_back(sums.smallest == sums.largest ? sums.smallest : mean);
    result.normalize.deviation.push_back(constant ? 1 : std::sqrt(variance));
  }
  return result;
}

}  // namespace troupe::actors
