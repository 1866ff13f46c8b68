#pragma once

#include <chrono>

namespace troupe {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// `now` and `delay` added, but never past the end of time: Duration::max() stands for ever.
constexpr TimePoint later(TimePoint now, Duration delay) {
  const bool ends = delay > Duration::zero() && now > TimePoint::max() - delay;
  return ends ? TimePoint::max() : now + delay;
}

/// Seconds since 1970, UTC: for people and files, never for a deadline.
inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Where the runtime reads the time. Time only goes forward; it never feeds a job's bits (JOB-7).
/// Any thread may ask.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

/// The machine's own.
class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace troupe
