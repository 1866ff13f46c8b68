#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/loader/data_spec.hpp"
#include "actors/loader/prepared_data.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/positions.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {

/// A fault that tests have a loader commit, at one position p: it delivers wrong records, and truly says so in its
/// digest. Only ranges that hold p are wrong.
struct Corruption {
  enum class Kind : std::uint8_t {
    skip,  ///< "skip:1234": from p on, each position of the range gets the record of the next one
    duplicate,  ///< "double:1234": behind p, each gets that of the one before
    swap        ///< "swap:1234": p and p + 1 get each other's
  };
  Kind kind = Kind::skip;
  std::uint64_t position = 0;

  /// Nothing for an empty text. @throws Error bad_input for other text.
  static std::optional<Corruption> parse(std::string_view text);
  /// Whose record `position`, which is in `range`, gets.
  std::uint64_t source(std::uint64_t position, PositionRange range) const;
};

/// Makes inputs of a model from prepared data:
///
///     inputs[0]   features, f32 [rows, transformed_shape()]
///     inputs[1]   labels, i32 [rows], or f32 [rows] where there are no classes
///
/// Pure functions of data, spec and seed (JOB-1, JOB-3). For one thread; others share the data.
class BatchMaker {
 public:
  /// @param data outlives this. @throws Error bad_input if the transforms do not fit the data.
  BatchMaker(const PreparedData& data, const PreprocessSpec& spec, std::uint64_t seed,
             std::optional<Corruption> corruption = {});

  /// Of one sample, after the transforms.
  const gpu::Shape& transformed_shape() const { return training_.out_shape(); }
  std::size_t feature_bytes() const {
    return static_cast<std::size_t>(transformed_shape().elements()) * sizeof(float);
  }

  /// Fills a row for each position: sample sample_index(seed, p, N) of the training split, by the training chain.
  /// @return the digest of what was delivered: XXH3-128 over position (u64) and stored record of each row, in order.
  /// @throws Error bad_input for an empty training split or an inverted range.
  serialization::Xxh3Digest fill(PositionRange positions, std::span<std::byte* const> inputs);
  /// The digest that these positions must have, for an audit: nothing is transformed, no fault committed.
  serialization::Xxh3Digest digest(PositionRange positions) const;

  /// Records first ... first + count - 1 of a split, in their order, by the evaluation chain. Rows past the split's end
  /// are zeroed. @return how many rows count.
  std::uint64_t rows(Split split, std::uint64_t first, std::uint64_t count,
                     std::span<std::byte* const> inputs);

 private:
  void fill_row(const gpu::TransformChain& chain, std::span<const std::byte> record,
                std::uint64_t position, std::uint64_t row, std::span<std::byte* const> inputs);
  std::span<const std::byte> record_of(std::uint64_t position) const;
  void check(PositionRange positions) const;

  const PreparedData& data_;
  std::uint64_t seed_;
  std::optional<Corruption> corruption_;
  gpu::TransformChain training_, evaluation_;
  gpu::TransformScratch scratch_;
};

}  // namespace troupe::actors
