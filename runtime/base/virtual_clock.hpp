#pragma once

#include <atomic>

#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"

namespace troupe {

/// A clock that stands still until a test moves it. Thread-safe.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(TimePoint start = TimePoint{}) : now_{start.time_since_epoch().count()} {}

  TimePoint now() const override { return TimePoint{Duration{now_.load()}}; }

  /// @throws Error bug if `by` is negative.
  void advance(Duration by) {
    if (by < Duration::zero()) throw Error{ErrorCode::bug, "VirtualClock: time went back"};
    now_ += by.count();
  }

  /// @throws Error bug if `to` is before now().
  void set(TimePoint to) {
    const Duration::rep wanted = to.time_since_epoch().count();
    Duration::rep now = now_.load();
    do {
      if (wanted < now) throw Error{ErrorCode::bug, "VirtualClock: time went back"};
    } while (!now_.compare_exchange_weak(now, wanted));
  }

 private:
  std::atomic<Duration::rep> now_;  // since the clock's epoch
};

}  // namespace troupe
