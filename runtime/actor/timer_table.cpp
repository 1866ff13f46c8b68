#include "runtime/actor/timer_table.hpp"

#include <utility>
#include <vector>

namespace troupe::runtime {

TimerId TimerTable::add(TimePoint due, std::function<void()> callback) {
  const std::scoped_lock lock{mutex_};
  const auto next = deadlines_.next_due();
  const std::uint64_t id = ++last_id_;
  callbacks_.emplace(id, std::move(callback));
  deadlines_.add(due, id);
  if (earlier_ && (!next || due < *next)) earlier_();
  return TimerId{id};
}

bool TimerTable::cancel(TimerId id) {
  // What the callback holds is destroyed after the lock is gone: it may call the table.
  const std::function<void()> callback = take_callback(static_cast<std::uint64_t>(id));
  return callback != nullptr;
}

std::optional<TimePoint> TimerTable::next_due() const {
  const std::scoped_lock lock{mutex_};
  return deadlines_.next_due();
}

std::size_t TimerTable::run_due(TimePoint now) {
  std::vector<std::uint64_t> due;
  {
    const std::scoped_lock lock{mutex_};
    due = deadlines_.take_due(now);
  }
  std::size_t ran = 0;
  for (const std::uint64_t id : due) {
    const std::function<void()> callback = take_callback(id);
    if (!callback) continue;  // cancelled by one that ran before it
    callback();
    ++ran;
  }
  return ran;
}

void TimerTable::on_earlier(std::function<void()> told) {
  const std::scoped_lock lock{mutex_};
  earlier_ = std::move(told);
}

std::function<void()> TimerTable::take_callback(std::uint64_t id) {
  const std::scoped_lock lock{mutex_};
  const auto found = callbacks_.find(id);
  if (found == callbacks_.end()) return nullptr;
  deadlines_.remove(id);
  std::function<void()> callback = std::move(found->second);
  callbacks_.erase(found);
  return callback;
}

}  // namespace troupe::runtime
