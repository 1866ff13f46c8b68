#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/feedback/feedback_store.hpp"

namespace troupe::actors {

/// The mean value of each of `groups` contiguous groups of a row's elements: group g has those from floor(g F / groups)
/// up to floor((g + 1) F / groups), of F. Summed in f64, in order. Not finite where an element is not.
///
///     row    [F] of `type`
///     means  [groups]  out
///
/// @throws Error bad_input for no group, or for more groups than elements.
void group_means(std::span<const std::byte> row, RowType type, std::span<double> means);

/// How often values fell between edges: bin i has those above edges[i - 1] and up to edges[i].
struct Histogram {
  std::vector<double> edges;         ///< growing, finite; may be none: one bin
  std::vector<std::int64_t> counts;  ///< edges.size() + 1

  std::size_t bin(double value) const;
  bool operator==(const Histogram&) const = default;
};

/// What rows and predictions looked like when the model was made: what live ones are compared with.
struct DriftReference {
  std::size_t features = 0;           ///< elements of a row
  std::vector<Histogram> groups;      ///< of the groups' means
  std::vector<std::int64_t> classes;  ///< how often each was predicted; none: they are not compared

  bool operator==(const DriftReference&) const = default;

  /// On one line; read back it is the same.
  std::string json() const;
  /// @throws Error bad_input that begins with `name` if it is no such text, or breaks what is said above.
  static DriftReference parse(std::string_view json, std::string_view name);
};

/// Makes a reference from the prepared training data, in one pass: its bins are between the deciles of each group's
/// mean (nearest rank: the k-th is the value of rank ceil(k n / 10)); equal deciles are one edge. Holds 8 bytes a row
/// and group. Rows whose mean is not finite are left out. What it gives depends on the rows, not on their order.
class ReferenceBuilder {
 public:
  static constexpr std::size_t default_groups = 8;

  /// `groups` is lowered to `features` if there are more of them. @throws Error bad_input if one is 0.
  ReferenceBuilder(std::size_t features, std::size_t groups, std::size_t classes);

  /// @throws Error bad_input for a row of another size, or no such class.
  void add(std::span<const std::byte> row, RowType type, std::optional<std::int64_t> predicted);
  /// @throws Error bad_input before there is a finite value for each group.
  DriftReference build() const;

 private:
  std::size_t features_;
  std::vector<double> means_;
  std::vector<std::vector<double>> values_;  // by group
  std::vector<std::int64_t> classes_;
};

}  // namespace troupe::actors
