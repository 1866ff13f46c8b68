#include "actors/coordinator/leases.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::actors {
namespace {

/// Largest-remainder shares of `shards`: whole numbers that sum to it.
std::vector<std::uint32_t> counts(std::uint32_t shards, std::span<const double> weights) {
  double total = 0.0;
  for (const double weight : weights) total += weight;
  std::vector<std::uint32_t> result(weights.size(), 0);
  std::vector<std::pair<double, std::size_t>> remainders;
  std::uint32_t given = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double exact = static_cast<double>(shards) * weights[i] / total;
    result[i] = std::min(static_cast<std::uint32_t>(exact), shards - given);
    given += result[i];
    remainders.emplace_back(static_cast<double>(result[i]) - exact, i);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < shards; i = (i + 1) % remainders.size(), ++given)
    ++result[remainders[i].second];
  return result;
}

}  // namespace

std::vector<Subtree> share_out(std::uint32_t shards, std::span<const double> speeds,
                               SharePolicy policy) {
  if (speeds.empty()) return {};
  const std::vector<double> equal(speeds.size(), 1.0);
  std::vector<std::uint32_t> share =
      counts(shards, policy == SharePolicy::least_loaded ? speeds : std::span<const double>{equal});
  // The larger shares first: ranges then begin at multiples of more, and take fewer nodes.
  std::vector<std::size_t> order(share.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return share[a] > share[b]; });
  std::vector<Subtree> result(share.size());
  std::uint32_t first = 0;
  for (const std::size_t i : order) {
    result[i] = {first, share[i]};
    first += share[i];
  }
  return result;
}

double step_time(std::span<const Subtree> shares, std::span<const double> speeds) {
  double longest = 0.0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    longest = std::max(longest, static_cast<double>(shares[i].count) / speeds[i]);
  return longest;
}

void MeasuredSpeed::add(std::uint64_t shards, double seconds) {
  constexpr double weight_of_new = 0.5;
  constexpr double least_seconds = 1e-9;
  if (shards == 0) return;
  const double measured = static_cast<double>(shards) / std::max(seconds, least_seconds);
  value_ = value_ ? *value_ + weight_of_new * (measured - *value_) : measured;
}

std::vector<double> filled_in(std::span<const std::optional<double>> speeds) {
  double total = 0.0, told = 0.0;
  for (const auto& speed : speeds) {
    if (!speed) continue;
    total += *speed;
    told += 1.0;
  }
  std::vector<double> result;
  for (const auto& speed : speeds)
    result.push_back(speed.value_or(told > 0.0 ? total / told : 1.0));
  return result;
}

}  // namespace troupe::actors
