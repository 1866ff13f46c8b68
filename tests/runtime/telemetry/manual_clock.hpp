#pragma once

#include <atomic>

#include "runtime/base/clock.hpp"

namespace troupe::test {

/// A clock that stands until it is moved. Any thread may read and move it.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint{Duration{nanoseconds_.load()}}; }
  void advance(Duration time) { nanoseconds_ += time.count(); }

 private:
  std::atomic<Duration::rep> nanoseconds_ = 0;
};

}  // namespace troupe::test
