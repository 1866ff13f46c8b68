#include "actors/feedback/feedback_monitor.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using Note = FeedbackStore::Note;

// Behind which prediction and which feedback the windows begin.
constexpr const char* first_prediction_note = "window.prediction";
constexpr const char* first_rowid_note = "window.rowid";
constexpr const char* trigger_rowid_note = "trigger.rowid";
constexpr const char* trigger_reason_note = "trigger.reason";
constexpr const char* acknowledged_note = "trigger.acknowledged";  // the rowid of the one that is
constexpr const char* version_note = "version";
constexpr const char* reference_note = "reference";

std::optional<DriftReference> parsed(std::string_view reference) {
  if (reference.empty()) return {};
  return DriftReference::parse(reference, "drift reference");
}

}  // namespace

FeedbackMonitor::FeedbackMonitor(FeedbackStore store, FeedbackSpec spec,
                                 std::optional<DriftReference> reference, TimePoint now)
    : store_{std::move(store)},
      spec_{std::move(spec)},
      version_{store_.find_note(version_note).value_or("")},
      accuracy_{static_cast<std::size_t>(spec_.window)} {
  if (const auto reason = store_.find_note(trigger_reason_note)) {
    trigger_ = Trigger{noted(trigger_rowid_note), *reason};
    acknowledged_ = noted(acknowledged_note) == trigger_->rowid;
    triggered_ = now;
  }
  new_labels_ = store_.labels_behind(noted(trigger_rowid_note));
  last_rowid_ = store_.counts().last_feedback;
  fill_accuracy();
  const auto kept = store_.find_note(reference_note);
  use_reference(kept ? parsed(*kept) : std::move(reference));
}

std::int64_t FeedbackMonitor::noted(std::string_view name) const {
  const std::string text = store_.find_note(name).value_or("0");
  std::int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    throw Error{ErrorCode::corrupted,
                "feedback store: expected a number in the note \"" + std::string{name} + '"'};
  return value;
}

void FeedbackMonitor::fill_accuracy() {
  accuracy_ = LiveAccuracy{static_cast<std::size_t>(spec_.window)};
  std::int64_t inside = 0, inside_right = 0;
  store_.last_labelled(noted(first_rowid_note), spec_.window, version_,
                       [&](const LabelledRecord& record) {
                         const bool right = record.label == record.prediction.predicted;
                         accuracy_.add(right);
                         ++inside;
                         inside_right += right ? 1 : 0;
                       });
  const StoreCounts counts = store_.counts();
  accuracy_.add_outside(counts.labels - inside, counts.right - inside_right);
}

void FeedbackMonitor::use_reference(std::optional<DriftReference> reference) {
  if (!reference) {
    drift_.reset();
    return;
  }
  const std::size_t features = reference->features;
  const auto u8_misfit = store_.misfit(RowType::u8, features);
  const auto f32_misfit = store_.misfit(RowType::f32, features * 4);
  if (u8_misfit && f32_misfit)
    throw Error{ErrorCode::bad_input, "drift reference: " + *f32_misfit + " or u8"};
  drift_.emplace(*std::move(reference), static_cast<std::size_t>(spec_.window));
  fill_drift();
}

void FeedbackMonitor::fill_drift() {
  drift_->start_anew();
  store_.last_predictions(
      noted(first_prediction_note), spec_.window, version_,
      [this](const Prediction& one) { drift_->add(one.input, one.type, one.predicted); });
}

std::optional<std::string> FeedbackMonitor::misfit(RowType type, std::size_t bytes) const {
  if (auto why = store_.misfit(type, bytes)) return why;
  if (drift_ && bytes != drift_->reference().features * element_bytes(type))
    return "expected rows of " + std::to_string(drift_->reference().features) +
           " elements, as the drift reference has, got " +
           std::to_string(bytes / element_bytes(type));
  return {};
}

std::vector<bool> FeedbackMonitor::record(std::span<const Prediction> predictions) {
  for (const Prediction& one : predictions) {
    if (const auto why = misfit(one.type, one.input.size()))
      throw Error{ErrorCode::bad_input, *why};
  }
  std::vector<bool> added = store_.add_predictions(predictions);
  for (std::size_t i = 0; i < added.size(); ++i) {
    const Prediction& one = predictions[i];
    if (drift_ && added[i] && counts(one.version)) drift_->add(one.input, one.type, one.predicted);
  }
  return added;
}

std::vector<VerdictOutcome> FeedbackMonitor::add(std::span<const Verdict> verdicts) {
  std::vector<VerdictOutcome> outcomes = store_.add_feedback(verdicts);
  for (const VerdictOutcome& outcome : outcomes) {
    if (outcome.result != VerdictResult::accepted) continue;
    last_rowid_ = outcome.rowid;
    if (!outcome.right) continue;
    ++new_labels_;
    if (counts(outcome.version)) {
      accuracy_.add(*outcome.right);
    } else {
      accuracy_.add_outside(1, *outcome.right ? 1 : 0);
    }
  }
  return outcomes;
}

void FeedbackMonitor::new_reference(std::string_view version, std::string_view reference) {
  std::optional<DriftReference> read = parsed(reference);
  const StoreCounts counts = store_.counts();
  if (read && store_.misfit(RowType::u8, read->features) &&
      store_.misfit(RowType::f32, read->features * 4))
    throw Error{ErrorCode::bad_input,
                "drift reference: " + *store_.misfit(RowType::f32, read->features * 4)};
  store_.keep_notes(std::array{Note{version_note, std::string{version}},
                               Note{reference_note, std::string{reference}},
                               Note{first_prediction_note, std::to_string(counts.last_prediction)},
                               Note{first_rowid_note, std::to_string(counts.last_feedback)}});
  version_ = version;
  accuracy_.start_anew();
  use_reference(std::move(read));
}

std::optional<Trigger> FeedbackMonitor::due(TimePoint now) {
  FeedbackState state;
  state.last_rowid = last_rowid_;
  state.labels = new_labels_;
  state.accuracy = accuracy_.rolling();
  state.window_labels = accuracy_.labels();
  const auto values = drift_ ? drift_->values() : std::nullopt;
  if (const auto largest = values ? values->largest(drift_->reference().features) : std::nullopt) {
    state.drift = largest->value;
    state.drifted = largest->whose;
  }
  if (triggered_) state.since_trigger = now - *triggered_;
  std::optional<Trigger> trigger = actors::due(state, spec_);
  if (!trigger) return {};

  const std::string rowid = std::to_string(trigger->rowid);
  store_.keep_notes(
      std::array{Note{trigger_rowid_note, rowid}, Note{trigger_reason_note, trigger->reason},
                 Note{first_rowid_note, rowid},
                 Note{first_prediction_note, std::to_string(store_.counts().last_prediction)}});
  trigger_ = trigger;
  acknowledged_ = false;
  triggered_ = now;
  new_labels_ = 0;
  accuracy_.start_anew();
  if (drift_) drift_->start_anew();
  return trigger;
}

void FeedbackMonitor::acknowledge(std::int64_t rowid) {
  if (!trigger_ || trigger_->rowid != rowid) return;  // a later one has taken its place
  store_.keep_notes(std::array{Note{acknowledged_note, std::to_string(rowid)}});
  acknowledged_ = true;
}

std::optional<Trigger> FeedbackMonitor::owed() const {
  return acknowledged_ ? std::nullopt : trigger_;
}

MonitorReadings FeedbackMonitor::readings() const {
  MonitorReadings readings;
  readings.version = version_;
  readings.all_labels = accuracy_.all_labels();
  readings.new_labels = new_labels_;
  readings.window_labels = accuracy_.labels();
  readings.accuracy = accuracy_.rolling();
  readings.overall_accuracy = accuracy_.overall();
  if (drift_) {
    readings.features = drift_->reference().features;
    readings.drift = drift_->values();
    readings.window_predictions = static_cast<std::int64_t>(drift_->size());
    readings.not_finite = drift_->not_finite();
  }
  return readings;
}

MonitorStatus FeedbackMonitor::status() const {
  MonitorStatus status;
  static_cast<MonitorReadings&>(status) = readings();
  status.counts = store_.counts();
  status.trigger = trigger_;
  status.acknowledged = acknowledged_;
  return status;
}

}  // namespace troupe::actors
