#include "actors/feedback/feedback_metrics.hpp"

#include <limits>
#include <utility>

#include "runtime/telemetry/metrics.hpp"

namespace troupe::actors {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

FeedbackMetrics::FeedbackMetrics(runtime::Metrics& metrics, std::string model)
    : metrics_{metrics},
      model_{std::move(model)},
      predictions_{metrics.counter("troupe_feedback_predictions_total",
                                   "Predictions that were kept.", {{"model", model_}})},
      verdicts_{metrics.counter("troupe_feedback_verdicts_total",
                                "Labels and ratings that were kept.", {{"model", model_}})},
      triggers_{metrics.counter("troupe_feedback_triggers_total",
                                "How often a rule held, so that it was time to train again.",
                                {{"model", model_}})},
      new_labels_{metrics.gauge("troupe_feedback_new_labels", "Labels since the last trigger.",
                                {{"model", model_}})},
      accuracy_{metrics.gauge("troupe_feedback_accuracy",
                              "Share of the window's labels that were predicted.",
                              {{"model", model_}})},
      window_labels_{metrics.gauge("troupe_feedback_window_labels",
                                   "Labels that the accuracy is taken over.", {{"model", model_}})},
      window_predictions_{metrics.gauge("troupe_feedback_window_predictions",
                                        "Predictions in the window of the drift.",
                                        {{"model", model_}})} {}

runtime::Gauge& FeedbackMetrics::drift_gauge(const std::string& of) {
  runtime::Gauge*& gauge = drift_[of];
  if (gauge == nullptr)
    gauge = &metrics_.gauge("troupe_feedback_drift",
                            "Population stability index of a full window against the reference.",
                            {{"model", model_}, {"of", of}});
  return *gauge;
}

void FeedbackMetrics::show(const MonitorReadings& readings) {
  new_labels_.set(static_cast<double>(readings.new_labels));
  accuracy_.set(readings.accuracy.value_or(none));
  window_labels_.set(static_cast<double>(readings.window_labels));
  window_predictions_.set(static_cast<double>(readings.window_predictions));
  for (const auto& [of, gauge] : drift_) gauge->set(none);  // groups of an earlier reference
  if (!readings.drift) return;
  const std::vector<double>& groups = readings.drift->groups;
  for (std::size_t g = 0; g < groups.size(); ++g)
    drift_gauge(group_name(g, groups.size(), readings.features)).set(groups[g]);
  if (readings.drift->classes) drift_gauge(classes_name).set(*readings.drift->classes);
}

void FeedbackMetrics::count(std::uint64_t predictions, std::uint64_t verdicts, bool triggered) {
  predictions_.add(predictions);
  verdicts_.add(verdicts);
  if (triggered) triggers_.add();
}

}  // namespace troupe::actors
