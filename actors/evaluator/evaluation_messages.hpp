#pragma once

#include <cstdint>
#include <string>

#include "actors/evaluator/metrics.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

/// What an evaluator is asked (evaluation.capnp, EvaluatePart).
struct PartOrder {
  std::string checkpoint, data, split;
  std::uint32_t part = 0, parts = 1;
  std::string spec = "{}";  ///< the config's `evaluate` section, JSON

  bool operator==(const PartOrder&) const = default;
};
serialization::Frame part_order_frame(const PartOrder& order);
/// @throws MalformedFrame
PartOrder read_part_order(const serialization::Frame& frame);

/// What it answers, with the step of the version that was measured.
struct PartCounts {
  std::uint64_t step = 0;
  EvaluationCounts counts;
};
serialization::Frame counts_frame(const EvaluationCounts& counts, std::uint64_t step);
/// @throws MalformedFrame also for counts that cannot have been counted.
PartCounts read_counts(const serialization::Frame& frame);

}  // namespace troupe::actors
