#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// What one process wrote of its metrics, and by which label its series are told from those of others.
struct LabelledMetrics {
  std::string process;  ///< the label's value; empty: none is added
  std::string text;     ///< of Metrics::write()
};

/// One text of several, in Prometheus' text format 0.0.4: families by name, each with its help and type once, series
/// with process="…" added. What is no such text is left out, line by line.
std::string merged_metrics(const std::vector<LabelledMetrics>& parts);

}  // namespace troupe::runtime
