#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "actors/feedback/feedback_monitor.hpp"

namespace troupe::runtime {
class Counter;
class Gauge;
class Metrics;
}  // namespace troupe::runtime

namespace troupe::actors {

/// What is shown of feedback among a node's metrics. A gauge without a value is NaN. One thread at a time.
class FeedbackMetrics {
 public:
  FeedbackMetrics(runtime::Metrics& metrics, std::string model);

  void show(const MonitorReadings& readings);
  void count(std::uint64_t predictions, std::uint64_t verdicts, bool triggered);

 private:
  runtime::Gauge& drift_gauge(const std::string& of);

  runtime::Metrics& metrics_;
  const std::string model_;
  runtime::Counter &predictions_, &verdicts_, &triggers_;
  runtime::Gauge &new_labels_, &accuracy_, &window_labels_, &window_predictions_;
  std::map<std::string, runtime::Gauge*> drift_;  // by what it is of
};

}  // namespace troupe::actors
