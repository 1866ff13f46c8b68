#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::gpu::nn {

/// A trained tensor. Its elements [begin, begin + shape.elements()) of the parameter space are followed by
/// zeros up to a multiple of 16.
struct ParameterEntry {
  std::string name;
  Shape shape;
  bool decay = true;
  std::size_t begin = 0;  ///< element of the parameter space, a multiple of 16
};

/// Running mean and variance of a batch norm, and where its moments stand among a shard's sums.
struct StatisticEntry {
  std::string name;  ///< the layer; its tensors are NAME.running_mean and NAME.running_variance
  std::int64_t channels = 0;
  double momentum = 0.1;  ///< running = (1 - momentum) · running + momentum · measured
  std::size_t mean_offset_bytes = 0, variance_offset_bytes = 0;  ///< in the slot
  std::size_t moments_offset_bytes = 0;                          ///< in the sums
};

/// A part of the parameter space whose gradient leaves as one piece.
struct Bucket {
  std::size_t begin = 0, end = 0;  ///< elements, multiples of 16
  std::size_t size_bytes() const { return (end - begin) * sizeof(float); }
};

/// A tensor of a version slot, as checkpoints and the state hash see it.
struct StateTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::size_t offset_bytes = 0;
};

/// Where everything lies: in a version slot [parameters | optimizer states, each laid out as the parameters |
/// running statistics], in the gradient (the same order as the parameters, cut into buckets) and in a shard's
/// sums [loss f64 | counted rows i64 | moments f64 …]. All that a job fixes before step 0.
struct StateLayout {
  static constexpr std::size_t loss_offset_bytes = 0, rows_offset_bytes = 8,
                               moments_begin_bytes = 16;

  std::vector<ParameterEntry> parameters;  ///< in the order in which backward completes gradients
  std::vector<StatisticEntry> statistics;
  std::vector<std::string> optimizer_states;  ///< nn::state_names
  std::vector<Bucket> buckets;
  std::size_t parameter_elements = 0;  ///< with padding, a multiple of 16
  std::size_t slot_bytes = 0;
  std::size_t sums_bytes = 0;

  std::size_t optimizer_state_offset_bytes(std::size_t state) const {
    return (1 + state) * parameter_elements * sizeof(float);
  }
  /// All tensors of a slot, sorted by name: parameters by their own names, optimizer states as
  /// "PARAMETER#STATE".
  std::vector<StateTensor> tensors() const;
};

/// Lays out `parameters` and `statistics` (whose offsets are filled in) in the order given. A bucket closes
/// before a tensor that would not fit any more; only tensors larger than `bucket_bytes` span buckets.
/// @throws Error bad_input for a name that occurs twice or a bucket smaller than 64 bytes.
StateLayout make_state_layout(std::vector<ParameterEntry> parameters,
                              std::vector<StatisticEntry> statistics,
                              std::vector<std::string> optimizer_states,
                              std::size_t bucket_bytes = 4U << 20U);

}  // namespace troupe::gpu::nn
