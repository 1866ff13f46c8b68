#include "actors/feedback/drift.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/base/math.hpp"

namespace troupe::actors {
namespace {

double total(std::span<const std::int64_t> counts) {
  std::int64_t sum = 0;
  for (const std::int64_t count : counts) sum += count;
  return static_cast<double>(sum);
}

}  // namespace

double population_stability_index(std::span<const std::int64_t> live,
                                  std::span<const std::int64_t> reference) {
  if (live.empty() || live.size() != reference.size())
    throw Error{ErrorCode::bad_input,
                "population stability index: expected as many bins on both sides, got " +
                    std::to_string(live.size()) + " and " + std::to_string(reference.size())};
  const double half_counts = static_cast<double>(live.size()) / 2;
  const double all_live = total(live) + half_counts;
  const double all_reference = total(reference) + half_counts;
  double sum = 0;
  for (std::size_t i = 0; i < live.size(); ++i) {
    const double p = (static_cast<double>(live[i]) + 0.5) / all_live;
    const double q = (static_cast<double>(reference[i]) + 0.5) / all_reference;
    sum += (p - q) * math::log(p / q);
  }
  return sum;
}

std::string group_name(std::size_t g, std::size_t groups, std::size_t features) {
  return "features " + std::to_string(g * features / groups) + " to " +
         std::to_string((g + 1) * features / groups - 1);
}

std::optional<DriftValues::Largest> DriftValues::largest(std::size_t features) const {
  std::optional<Largest> result;
  const auto see = [&](double value, auto whose) {
    if (std::isfinite(value) && (!result || value > result->value))
      result = Largest{value, whose()};
  };
  for (std::size_t g = 0; g < groups.size(); ++g) {
    see(groups[g], [&] { return group_name(g, groups.size(), features); });
  }
  if (classes) see(*classes, [] { return std::string{classes_name}; });
  return result;
}

DriftWindow::DriftWindow(DriftReference reference, std::size_t window)
    : reference_{std::move(reference)},
      window_{window},
      columns_{reference_.groups.size() + 1},
      ring_(window * columns_),
      means_(reference_.groups.size()) {
  if (window == 0)
    throw Error{ErrorCode::bad_input, "drift: expected a window of at least 1, got 0"};
  for (const Histogram& group : reference_.groups) live_.emplace_back(group.counts.size());
  live_.emplace_back(reference_.classes.size());
}

void DriftWindow::count(std::size_t slot, std::int64_t by) {
  for (std::size_t c = 0; c < columns_; ++c) {
    const std::size_t bin = ring_[slot * columns_ + c];
    if (bin < live_[c].size())
      live_[c][bin] += by;  // no such bin: a class that the reference does not know
  }
}

void DriftWindow::add(std::span<const std::byte> row, RowType type, std::int64_t predicted) {
  if (row.size() != reference_.features * element_bytes(type))
    throw Error{ErrorCode::bad_input, "drift: expected a row of " +
                                          std::to_string(reference_.features) +
                                          " elements, as the reference has, got " +
                                          std::to_string(row.size()) + " bytes"};
  group_means(row, type, means_);
  if (!std::ranges::all_of(means_, [](double mean) { return std::isfinite(mean); })) {
    ++not_finite_;
    return;
  }
  if (size_ == window_) {
    count(next_, -1);
  } else {
    ++size_;
  }
  std::uint32_t* const bins = ring_.data() + next_ * columns_;
  for (std::size_t g = 0; g < means_.size(); ++g)
    bins[g] = static_cast<std::uint32_t>(reference_.groups[g].bin(means_[g]));
  bins[columns_ - 1] =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(predicted, 0, UINT32_MAX));
  count(next_, 1);
  next_ = (next_ + 1) % window_;
}

void DriftWindow::start_anew() {
  next_ = 0;
  size_ = 0;
  for (auto& counts : live_) std::ranges::fill(counts, 0);
}

std::optional<DriftValues> DriftWindow::values() const {
  if (size_ < window_) return {};
  DriftValues result;
  for (std::size_t g = 0; g < reference_.groups.size(); ++g)
    result.groups.push_back(population_stability_index(live_[g], reference_.groups[g].counts));
  if (!reference_.classes.empty())
    result.classes = population_stability_index(live_.back(), reference_.classes);
  return result;
}

}  // namespace troupe::actors
