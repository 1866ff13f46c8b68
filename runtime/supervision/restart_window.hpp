#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// Counts the restarts of the last `period`; holds at most `intensity` + 1 times.
class RestartWindow {
 public:
  RestartWindow(std::uint32_t intensity, Duration period)
      : intensity_{intensity}, period_{period} {}

  /// One more restart is wanted at `now`, which never goes back. Of those before, the ones that are at
  /// most `period` old count, one of exactly that age too.
  /// @return whether it is allowed; false: give up.
  bool allows(TimePoint now) {
    while (!times_.empty() && now - times_.front() > period_) times_.pop_front();
    times_.push_back(now);
    if (times_.size() <= intensity_) return true;
    while (times_.size() > std::size_t{intensity_} + 1) times_.pop_front();
    return false;
  }

  /// How many were within the period at the last call, that one included.
  std::size_t count() const { return times_.size(); }

 private:
  std::uint32_t intensity_;
  Duration period_;
  std::deque<TimePoint> times_;
};

}  // namespace troupe::runtime
