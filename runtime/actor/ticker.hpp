#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime/actor/timer_table.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// The first multiple of `granularity` (counted from the clock's epoch) that is not before `due`, so that many deadlines share
/// one wake-up; TimePoint::max() if there is none.
TimePoint tick_of(TimePoint due, Duration granularity);

/// The one tick of a node: a thread that runs a table's timers when they are due, at most
/// one `granularity` late, and sleeps while there are none.
class Ticker {
 public:
  /// One ticker a table. `clock` keeps the pace of the machine's; of one that a test moves, it sees the time
  /// only when it wakes up.
  /// @throws Error bad_input if `granularity` is not positive.
  Ticker(TimerTable& table, const Clock& clock,
         Duration granularity = std::chrono::milliseconds{1});

  /// Waits for the callbacks that are running; all others stay in the table.
  ~Ticker();

  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void wake();
  void tick();
  bool sleep();  // false: end

  TimerTable& table_;
  const Clock& clock_;
  const Duration granularity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool earlier_ = false;  // the table's next_due() is no longer what tick() has read
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace troupe::runtime
