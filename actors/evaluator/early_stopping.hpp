#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace troupe::actors {

/// When a job ends before its last step: once `patience` measurements in a row have not improved on the best one by more
/// than `min_delta`. (Prechelt, "Early Stopping - But When?", 1998, section 2.)
struct EarlyStopping {
  std::string metric;
  bool larger_is_better = true;
  std::uint32_t patience = 1;
  double min_delta = 0;

  bool operator==(const EarlyStopping&) const = default;
};

struct Measurement {
  std::uint64_t step = 0;  ///< of the version that was measured
  double value = 0;
};

struct StoppingDecision {
  bool stop = false;
  /// The version to keep: the best one so far. None while no value was a number.
  std::optional<std::uint64_t> best_step;
  double best_value = 0;
};

/// A pure function of what was measured so far (JOB-7): what is measured behind the end changes nothing. NaN improves on
/// nothing. @throws Error bad_input unless the steps grow.
StoppingDecision decide(const EarlyStopping& rule, std::span<const Measurement> measured);

}  // namespace troupe::actors
