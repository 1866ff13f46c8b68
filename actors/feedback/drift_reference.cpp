#include "actors/feedback/drift_reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;

constexpr std::size_t most_groups = 4096;
constexpr std::size_t most_bins = 4096;
constexpr std::size_t most_classes = 65'536;
constexpr std::int64_t most_counted = std::int64_t{1} << 53;

[[noreturn]] void refuse(std::string_view name, const std::string& what) {
  throw Error{ErrorCode::bad_input, std::string{name} + ": " + what};
}

double element(std::span<const std::byte> row, RowType type, std::size_t i) {
  if (type == RowType::u8) return std::to_integer<int>(row[i]);
  float value = 0;
  std::memcpy(&value, row.data() + i * sizeof value, sizeof value);
  return static_cast<double>(value);
}

const Json& member(const Json& of, const char* key, std::string_view name) {
  if (!of.is_object() || !of.contains(key))
    refuse(name, std::string{"expected a map with the key \""} + key + '"');
  return of.at(key);
}

std::vector<std::int64_t> counts_of(const Json& json, std::size_t most, std::string_view name) {
  if (!json.is_array() || json.size() > most)
    refuse(name, "expected a list of at most " + std::to_string(most) + " counts");
  std::vector<std::int64_t> result;
  std::int64_t total = 0;
  for (const Json& item : json) {
    if (!item.is_number_unsigned() ||
        item.get<std::uint64_t>() > static_cast<std::uint64_t>(most_counted - total))
      refuse(name, "expected counts from 0 to 2^53 in all");
    result.push_back(item.get<std::int64_t>());
    total += result.back();
  }
  if (!result.empty() && total == 0) refuse(name, "expected counts that are not all 0");
  return result;
}

}  // namespace

void group_means(std::span<const std::byte> row, RowType type, std::span<double> means) {
  const std::size_t features = row.size() / element_bytes(type);
  const std::size_t groups = means.size();
  if (groups == 0 || groups > features)
    refuse("drift", "expected from 1 to " + std::to_string(features) + " groups of features, got " +
                        std::to_string(groups));
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = g * features / groups;
    const std::size_t end = (g + 1) * features / groups;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += element(row, type, i);
    means[g] = sum / static_cast<double>(end - begin);
  }
}

std::size_t Histogram::bin(double value) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(edges, value) - edges.begin());
}

std::string DriftReference::json() const {
  Json list = Json::array();
  for (const Histogram& group : groups)
    list.push_back({{"edges", group.edges}, {"counts", group.counts}});
  return Json{{"features", features}, {"groups", list}, {"classes", classes}}.dump();
}

DriftReference DriftReference::parse(std::string_view text, std::string_view name) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) refuse(name, "expected JSON, got something else");
  DriftReference result;
  const Json& features = member(json, "features", name);
  if (!features.is_number_unsigned() || features.get<std::uint64_t>() > (std::uint64_t{1} << 40))
    refuse(name, "expected features as a number up to 2^40");
  result.features = features.get<std::size_t>();
  const Json& groups = member(json, "groups", name);
  if (!groups.is_array() || groups.empty() ||
      groups.size() > std::min(most_groups, result.features))
    refuse(name, "expected from 1 to 4096 groups, and no more of them than features");
  for (const Json& group : groups) {
    Histogram histogram;
    const Json& edges = member(group, "edges", name);
    if (!edges.is_array() || edges.size() >= most_bins)
      refuse(name, "expected fewer than 4096 edges");
    for (const Json& edge : edges) {
      const double value = edge.is_number() ? edge.get<double>() : std::nan("");
      if (!std::isfinite(value) || (!histogram.edges.empty() && value <= histogram.edges.back()))
        refuse(name, "expected edges that are finite numbers and grow");
      histogram.edges.push_back(value);
    }
    histogram.counts = counts_of(member(group, "counts", name), most_bins, name);
    if (histogram.counts.size() != histogram.edges.size() + 1)
      refuse(name, "expected one more count than edges, " +
                       std::to_string(histogram.edges.size() + 1) + ", got " +
                       std::to_string(histogram.counts.size()));
    result.groups.push_back(std::move(histogram));
  }
  result.classes = counts_of(member(json, "classes", name), most_classes, name);
  return result;
}

ReferenceBuilder::ReferenceBuilder(std::size_t features, std::size_t groups, std::size_t classes)
    : features_{features},
      means_(std::min(features, groups)),
      values_(means_.size()),
      classes_(classes) {
  if (means_.empty() || groups > most_groups || classes > most_classes)
    refuse("drift reference", "expected features, from 1 to 4096 groups and at most 65536 classes");
}

void ReferenceBuilder::add(std::span<const std::byte> row, RowType type,
                           std::optional<std::int64_t> predicted) {
  if (row.size() != features_ * element_bytes(type))
    refuse("drift reference", "expected a row of " + std::to_string(features_) + " elements, got " +
                                  std::to_string(row.size()) + " bytes");
  if (predicted && (*predicted < 0 || static_cast<std::uint64_t>(*predicted) >= classes_.size()))
    refuse("drift reference", "expected a class below " + std::to_string(classes_.size()) +
                                  ", got " + std::to_string(*predicted));
  group_means(row, type, means_);
  for (std::size_t g = 0; g < means_.size(); ++g) {
    if (std::isfinite(means_[g])) values_[g].push_back(means_[g]);
  }
  if (predicted) ++classes_[static_cast<std::size_t>(*predicted)];
}

DriftReference ReferenceBuilder::build() const {
  DriftReference result;
  result.features = features_;
  for (std::vector<double> values : values_) {
    if (values.empty())
      refuse("drift reference", "expected at least one row whose values are finite, got none");
    std::ranges::sort(values);
    Histogram histogram;
    for (std::size_t k = 1; k < 10; ++k) {
      const double edge = values[(k * values.size() + 9) / 10 - 1];
      // An edge at the greatest value would have an empty bin above it.
      if (edge < values.back() && (histogram.edges.empty() || edge > histogram.edges.back()))
        histogram.edges.push_back(edge);
    }
    histogram.counts.resize(histogram.edges.size() + 1);
    for (const double value : values) ++histogram.counts[histogram.bin(value)];
    result.groups.push_back(std::move(histogram));
  }
  const bool any = std::ranges::any_of(classes_, [](std::int64_t count) { return count != 0; });
  if (any) result.classes = classes_;
  return result;
}

}  // namespace troupe::actors
