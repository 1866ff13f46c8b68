#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/feedback/drift.hpp"
#include "actors/feedback/feedback_store.hpp"
#include "actors/feedback/live_accuracy.hpp"
#include "actors/feedback/retrain_rules.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// What is known without a look into the store.
struct MonitorReadings {
  std::string version;          ///< the deployed one; empty: not told
  std::int64_t all_labels = 0;  ///< of all versions
  std::int64_t new_labels = 0;  ///< since the last trigger
  std::int64_t window_labels = 0;
  std::optional<double> accuracy, overall_accuracy;
  std::size_t features = 0;  ///< elements of a row; 0: there is no reference
  std::optional<DriftValues> drift;
  std::int64_t window_predictions = 0;
  std::int64_t not_finite = 0;
};

struct MonitorStatus : MonitorReadings {
  StoreCounts counts;
  std::optional<Trigger> trigger;  ///< the last one
  bool acknowledged = false;
};

/// A store and what is to be seen in it: the live accuracy, the drift, and whether it is time to train again. The plain
/// logic of the feedback actor. Made anew on the same store it goes on where it was (but for the cooldown, which begins
/// again, and rows that are not finite, which are counted from the start). It sees what it adds itself: of several on
/// one store each has windows of its own.
///
/// One thread at a time. Throws as FeedbackStore does; nothing has changed then.
class FeedbackMonitor {
 public:
  /// `reference`: used until one came by new_reference(), which the store keeps. @throws Error bad_input if the
  /// reference is of rows of another size than the store's.
  FeedbackMonitor(FeedbackStore store, FeedbackSpec spec, std::optional<DriftReference> reference,
                  TimePoint now);

  /// Why such a row cannot be recorded: it is not like those of the store, or of the reference.
  std::optional<std::string> misfit(RowType type, std::size_t bytes) const;
  std::vector<bool> record(std::span<const Prediction> predictions);
  std::vector<VerdictOutcome> add(std::span<const Verdict> verdicts);

  /// Another version is deployed: the windows start anew, and see what is said of its predictions only. An empty
  /// reference: drift is not looked at. @throws Error bad_input if it is none, or is of other rows.
  void new_reference(std::string_view version, std::string_view reference);

  /// A rule that holds now. It is on the disk then, not acknowledged, and all counters have started anew from its rowid.
  std::optional<Trigger> due(TimePoint now);
  /// Somebody trains on that trigger's snapshot.
  void acknowledge(std::int64_t rowid);
  /// The last trigger, if nobody has acknowledged it.
  std::optional<Trigger> owed() const;

  MonitorReadings readings() const;
  MonitorStatus status() const;

 private:
  std::int64_t noted(std::string_view name) const;
  void use_reference(std::optional<DriftReference> reference);
  void fill_accuracy();
  void fill_drift();
  bool counts(std::string_view version) const { return version_.empty() || version == version_; }

  FeedbackStore store_;
  FeedbackSpec spec_;
  std::string version_;
  LiveAccuracy accuracy_;
  std::optional<DriftWindow> drift_;
  std::int64_t new_labels_ = 0;
  std::int64_t last_rowid_ = 0;
  std::optional<Trigger> trigger_;
  bool acknowledged_ = false;
  std::optional<TimePoint> triggered_;
};

}  // namespace troupe::actors
