#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/feedback/drift_reference.hpp"

namespace troupe::actors {

/// The population stability index between two histograms over the same B bins, a symmetric distance that is 0 for equal
/// shares:
///
///     PSI = sum over bins i of (p_i - q_i) ln(p_i / q_i),    p_i = (live_i + 1/2) / (sum of live + B / 2)
///
/// and q_i likewise from `reference`: half a count is added to each bin, so that an empty one does not make it infinite.
/// In f64, in order of the bins. Usually read as: below 0.1 no change, above 0.25 a large one.
///
/// Source: N. Siddiqi, "Credit Risk Scorecards", Wiley 2006, chapter 9, which has it without the half counts; those are
/// the estimate under Jeffreys' prior (H. Jeffreys, "Theory of Probability", 3rd edition, 1961, section 3.23).
///
/// @throws Error bad_input for no bins, or not as many on both sides.
double population_stability_index(std::span<const std::int64_t> live,
                                  std::span<const std::int64_t> reference);

/// Which elements group `g` of `groups` has, of `features`: "features 98 to 195".
std::string group_name(std::size_t g, std::size_t groups, std::size_t features);
inline constexpr const char* classes_name = "predicted classes";

struct DriftValues {
  std::vector<double> groups;     ///< by group of features
  std::optional<double> classes;  ///< of the predicted classes; none if the reference has none

  /// The largest of them, and whose it is: group_name() or classes_name. What is not a number is passed over.
  struct Largest {
    double value = 0;
    std::string whose;
  };
  std::optional<Largest> largest(std::size_t features) const;
};

/// The last `window` predictions, as they fall into the bins of a reference. Counts only, so what it says does not
/// depend on how it got there. Not thread-safe.
class DriftWindow {
 public:
  /// @throws Error bad_input for a window of 0.
  DriftWindow(DriftReference reference, std::size_t window);

  /// A row with a value that is not finite counts in not_finite() only, so that it neither sets off nor covers a drift.
  /// @throws Error bad_input for a row of another size than the reference's.
  void add(std::span<const std::byte> row, RowType type, std::int64_t predicted);
  void start_anew();

  /// None until the window is full: few values are far from any distribution by chance alone.
  std::optional<DriftValues> values() const;
  std::size_t size() const { return size_; }
  /// Rows since the start that have a value that is not finite.
  std::int64_t not_finite() const { return not_finite_; }
  const DriftReference& reference() const { return reference_; }

 private:
  void count(std::size_t slot, std::int64_t by);

  DriftReference reference_;
  std::size_t window_;
  std::size_t columns_;                          // of the ring: the groups, then the class
  std::vector<std::uint32_t> ring_;              // [window, columns]: bins
  std::vector<std::vector<std::int64_t>> live_;  // by column and bin
  std::vector<double> means_;
  std::size_t next_ = 0;
  std::size_t size_ = 0;
  std::int64_t not_finite_ = 0;
};

}  // namespace troupe::actors
