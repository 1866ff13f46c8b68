#include "gpu/nn/state_layout.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr std::size_t lane_elements = 16;  // 64 bytes of f32
constexpr std::size_t most_bytes = std::size_t{1} << 60U;

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "state layout: " + what};
}

std::size_t padded(std::size_t elements) {
  return (elements + lane_elements - 1) / lane_elements * lane_elements;
}

/// `counted` elements of f32 and `more` (below 2^62), both padded.
std::size_t extend(std::size_t counted, std::size_t more, const std::string& name) {
  if (more > most_bytes / sizeof(float) || counted > most_bytes / sizeof(float) - padded(more)) {
    refuse(name + ": expected at most 2^60 bytes in a slot, got more");
  }
  return counted + padded(more);
}

std::vector<Bucket> cut_into_buckets(const std::vector<ParameterEntry>& parameters,
                                     std::size_t bucket_elements) {
  std::vector<Bucket> buckets;
  Bucket open;
  const auto close = [&] {
    if (open.end > open.begin) buckets.push_back(open);
    open.begin = open.end;
  };
  for (const ParameterEntry& parameter : parameters) {
    const std::size_t end =
        parameter.begin + padded(static_cast<std::size_t>(parameter.shape.elements()));
    if (end - open.begin > bucket_elements) close();
    while (end - open.begin > bucket_elements) {
      open.end = open.begin + bucket_elements;
      close();
    }
    open.end = end;
  }
  close();
  return buckets;
}

void refuse_duplicates(const std::vector<StateTensor>& sorted) {
  const auto same = std::ranges::adjacent_find(sorted, {}, &StateTensor::name);
  if (same == sorted.end()) return;
  refuse(same->name + ": expected a name of its own for each tensor, got it twice");
}

}  // namespace

std::vector<StateTensor> StateLayout::tensors() const {
  std::vector<StateTensor> all;
  all.reserve(parameters.size() * (1 + optimizer_states.size()) + 2 * statistics.size());
  for (const ParameterEntry& parameter : parameters) {
    const std::size_t offset = parameter.begin * sizeof(float);
    all.push_back({parameter.name, DType::f32, parameter.shape, offset});
    for (std::size_t state = 0; state < optimizer_states.size(); ++state) {
      all.push_back({parameter.name + "#" + optimizer_states[state], DType::f32, parameter.shape,
                     optimizer_state_offset_bytes(state) + offset});
    }
  }
  for (const StatisticEntry& statistic : statistics) {
    const Shape shape{statistic.channels};
    all.push_back(
        {statistic.name + ".running_mean", DType::f32, shape, statistic.mean_offset_bytes});
    all.push_back(
        {statistic.name + ".running_variance", DType::f32, shape, statistic.variance_offset_bytes});
  }
  std::ranges::sort(all, {}, &StateTensor::name);
  return all;
}

StateLayout make_state_layout(std::vector<ParameterEntry> parameters,
                              std::vector<StatisticEntry> statistics,
                              std::vector<std::string> optimizer_states, std::size_t bucket_bytes) {
  if (bucket_bytes < lane_elements * sizeof(float)) {
    refuse("bucket_bytes: expected 64 or more, got " + std::to_string(bucket_bytes));
  }
  StateLayout layout;
  std::size_t elements = 0;
  for (ParameterEntry& parameter : parameters) {
    parameter.begin = elements;
    elements =
        extend(elements, static_cast<std::size_t>(parameter.shape.elements()), parameter.name);
  }
  layout.parameter_elements = elements;
  for (const std::string& state : optimizer_states) {
    elements = extend(elements, layout.parameter_elements, state);
  }
  layout.sums_bytes = StateLayout::moments_begin_bytes;
  for (StatisticEntry& statistic : statistics) {
    if (statistic.channels < 1) {
      refuse(statistic.name + ": expected 1 channel or more, got " +
             std::to_string(statistic.channels));
    }
    const auto channels = static_cast<std::size_t>(statistic.channels);
    statistic.mean_offset_bytes = elements * sizeof(float);
    elements = extend(elements, channels, statistic.name);
    statistic.variance_offset_bytes = elements * sizeof(float);
    elements = extend(elements, channels, statistic.name);
    statistic.moments_offset_bytes = layout.sums_bytes;
    layout.sums_bytes += (1 + 2 * channels) * sizeof(double);
  }
  layout.slot_bytes = elements * sizeof(float);
  layout.buckets =
      cut_into_buckets(parameters, bucket_bytes / sizeof(float) / lane_elements * lane_elements);
  layout.parameters = std::move(parameters);
  layout.statistics = std::move(statistics);
  layout.optimizer_states = std::move(optimizer_states);
  refuse_duplicates(layout.tensors());
  return layout;
}

}  // namespace troupe::gpu::nn
