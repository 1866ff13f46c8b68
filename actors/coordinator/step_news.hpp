#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "actors/job/training_job.hpp"
#include "actors/report/job_event.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// What is told of steps that were committed: ten times a second, and the last one.
class StepNews {
 public:
  /// @param steps  in order, at least one. @return none: something was told a moment ago.
  std::optional<StepsDone> add(const TrainingJob& job, std::span<const StepRecord> steps,
                               TimePoint now);

 private:
  TimePoint told_at_{};
  std::uint64_t untold_ = 0;  // steps
};

}  // namespace troupe::actors
