#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "actors/report/job_event.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Events on their way from an actor to a thread that waits for them. Thread-safe. If nobody takes them, of more than
/// `most` the oldest are dropped.
class EventQueue {
 public:
  static constexpr std::size_t most = 65'536;

  void push(TimedEvent event);
  /// The next one; none if there was none for so long, or wake() was called.
  std::optional<TimedEvent> pop(Duration within);
  void wake();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TimedEvent> events_;
  bool woken_ = false;
};

/// Adds the type "observer", which passes what a coordinator tells on to `queue`, which outlives the node.
void add_observer_type(runtime::Registry& registry, EventQueue& queue);

}  // namespace troupe::actors
