#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gpu/transform/transform.hpp"

namespace troupe::gpu {

/// Count, sum and sum of squares of each channel, in f64: what Normalize is measured with.
///
/// A data set is measured in parts of fixed record ranges, [k * part_records, (k + 1) * part_records),
/// anywhere and in any order; merged() then adds the parts in the canonical tree, so that the result's
/// bits depend on the records alone (JOB-7).
class Moments {
 public:
  static constexpr std::uint64_t part_records = 4096;

  /// Of one channel.
  struct Sums {
    double values = 0;
    double squares = 0;
    double smallest = std::numeric_limits<double>::infinity();
    double largest = -std::numeric_limits<double>::infinity();
  };

  Moments() : Moments{1} {}
  /// @param channels the last dimension of the samples, or 1 for one mean and deviation of all.
  explicit Moments(std::size_t channels);
  /// What count() and sums() gave elsewhere. @throws Error bad_input for no channels.
  Moments(std::uint64_t count, std::vector<Sums> sums);

  /// Adds one sample's values in their order. @throws Error bad_input if they are no whole number of
  /// `channels`, or if one is not finite.
  void add(std::span<const float> sample);
  /// Adds what the part after this one has summed. @throws Error bad_input for other channels.
  void merge(const Moments& next);

  std::uint64_t count() const { return count_; }  ///< of values a channel
  std::span<const Sums> sums() const { return channels_; }
  /// Means and population deviations. @throws Error bad_input, naming the channel, if there are no
  /// values, or none that differ.
  Normalize normalize() const;

 private:
  std::uint64_t count_ = 0;
  std::vector<Sums> channels_;
};

/// The parts' sum in the tree of JOB-5: on the left the largest power of two < n of them.
/// @throws Error bad_input for no parts.
Moments merged(std::span<const Moments> parts);

}  // namespace troupe::gpu
