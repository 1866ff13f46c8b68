#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::gpu {
class Stream;
class TransformChain;
struct StepState;

/// Records of one size, features first, of which batches are made.
struct ResidentSpec {
  std::span<const std::byte> records;  ///< in host memory, one after another, `samples` of them
  std::size_t record_bytes = 0;
  std::size_t label_offset_bytes = 0;  ///< of four bytes in each
  std::uint64_t samples = 0, seed = 0;
  const TransformChain* chain = nullptr;  ///< from a record's features to a row
  std::int64_t rows = 0;                  ///< of a batch
};

/// A data set in the device's memory. Batches have the bits that TransformChain::apply gives in the FloatEnvironment,
/// except that a NaN may be another NaN. Used by one stream at a time.
class ResidentData {
 public:
  virtual ~ResidentData() = default;
  /// Enqueues a batch: row i is sample_index(seed, step->position + i, samples), by the chain as it is drawn for
  /// that position. All three in the device's memory. May be recorded.
  virtual void gather(Stream& stream, const StepState* step, std::byte* features,
                      std::byte* labels) = 0;
};

}  // namespace troupe::gpu
