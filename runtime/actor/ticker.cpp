#include "runtime/actor/ticker.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {
// Keeps the end of a wait far from overflow.
constexpr Duration longest_sleep = std::chrono::hours{1};
}  // namespace

TimePoint tick_of(TimePoint due, Duration granularity) {
  const Duration since_epoch = due.time_since_epoch();
  Duration past = since_epoch % granularity;
  if (past < Duration::zero()) past += granularity;
  if (past == Duration::zero()) return due;
  return later(due, granularity - past);
}

Ticker::Ticker(TimerTable& table, const Clock& clock, Duration granularity)
    : table_{table}, clock_{clock}, granularity_{granularity} {
  if (granularity <= Duration::zero()) {
    throw Error{ErrorCode::bad_input, "Ticker: granularity must be positive, is " +
                                          std::to_string(granularity.count()) + " ns"};
  }
  thread_ = std::thread{[this] { tick(); }};
  table_.on_earlier([this] { wake(); });
  wake();  // for what was added before the table knew of the ticker
}

Ticker::~Ticker() {
  table_.on_earlier({});
  {
    const std::scoped_lock lock{mutex_};
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Ticker::wake() {
  {
    const std::scoped_lock lock{mutex_};
    earlier_ = true;
  }
  changed_.notify_one();
}

void Ticker::tick() {
  while (sleep()) table_.run_due(clock_.now());
}

bool Ticker::sleep() {
  const std::optional<TimePoint> due = table_.next_due();
  std::unique_lock lock{mutex_};
  const auto disturbed = [this] { return earlier_ || ended_; };
  if (!due) {
    changed_.wait(lock, disturbed);
  } else {
    const TimePoint tick = tick_of(*due, granularity_);
    const TimePoint now = clock_.now();
    if (tick > now) changed_.wait_for(lock, std::min(tick - now, longest_sleep), disturbed);
  }
  earlier_ = false;
  return !ended_;
}

}  // namespace troupe::runtime
