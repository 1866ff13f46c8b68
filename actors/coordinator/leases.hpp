#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/canonical_tree.hpp"

namespace troupe::actors {

/// How shards are shared out among trainers.
enum class SharePolicy : std::uint8_t {
  round_robin,   ///< as equal as can be
  least_loaded,  ///< in proportion to measured speed
};

/// For each trainer a range of shards; all ranges together are all shards, each once, in order. Whoever computes what
/// changes no bit (JOB-5); ranges end where nodes of the tree do if that costs no trainer more than it would have
/// anyway, since each node is one sum to send.
///
/// @param speeds  of each trainer, > 0; only their ratios count, and only with least_loaded
std::vector<Subtree> share_out(std::uint32_t shards, std::span<const double> speeds,
                               SharePolicy policy);

/// How long a step takes in which each trainer computes its share: the longest of them, in shards over speed.
double step_time(std::span<const Subtree> shares, std::span<const double> speeds);

/// What a trainer's speed is taken for, from what it told of itself. Safe against what is told wrongly.
class MeasuredSpeed {
 public:
  /// It has computed so many shards in so many seconds since it last told.
  void add(std::uint64_t shards, double seconds);
  /// Shards a second, smoothed; none: it has told nothing yet.
  std::optional<double> value() const { return value_; }

 private:
  std::optional<double> value_;
};

/// Speeds to share out by: who has told nothing counts as the mean of those who have.
std::vector<double> filled_in(std::span<const std::optional<double>> speeds);

}  // namespace troupe::actors
