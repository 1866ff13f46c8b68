#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "runtime/actor/deadlines.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {

enum class TimerId : std::uint64_t {};

/// All that a node waits for. Does not know the time: a Ticker, or a test, says what it is. Thread-safe;
/// callbacks may add and cancel.
class TimerTable {
 public:
  /// `callback` is short, never blocks and never throws. It runs without the table's lock, on the
  /// thread that calls run_due().
  TimerId add(TimePoint due, std::function<void()> callback);

  /// @return whether the callback will now never run; false: it ran, is running, or `id` is unknown.
  bool cancel(TimerId id);

  /// The earliest timer; none if there is no timer.
  std::optional<TimePoint> next_due() const;

  /// Runs what is due at `now` or earlier, in the order of (due, adding). What a callback adds waits for the next call.
  /// @return how many callbacks ran.
  std::size_t run_due(TimePoint now);

  /// `told` is called whenever next_due() has become earlier; an empty one ends that. It runs
  /// with the table's lock held, so it must not call the table; once this returns, the one
  /// that was there before is not running.
  void on_earlier(std::function<void()> told);

 private:
  std::function<void()> take_callback(std::uint64_t id);

  mutable std::mutex mutex_;
  Deadlines deadlines_;
  std::unordered_map<std::uint64_t, std::function<void()>> callbacks_;
  std::function<void()> earlier_;
  std::uint64_t last_id_ = 0;
};

}  // namespace troupe::runtime
