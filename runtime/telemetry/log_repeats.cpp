#include "runtime/telemetry/log_repeats.hpp"

namespace troupe::runtime {

void LogRepeats::add(LogRecord record, TimePoint now) {
  end_until(now);
  std::string key = record.actor + '\0' + record.component + '\0' + record.message;
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (texts_.size() == max_texts) end_oldest();
    Text& text = texts_.emplace_back(Text{key, now});
    found = by_key_.emplace(std::move(key), &text).first;
  }
  Text& text = *found->second;
  if (text.passed < allowed_) {
    ++text.passed;
    write_(std::move(record));
  } else {
    ++text.held;
    text.last = std::move(record);
  }
}

void LogRepeats::end_until(TimePoint now) {
  while (!texts_.empty() && now - texts_.front().begin >= window) end_oldest();
}

void LogRepeats::end_all() {
  while (!texts_.empty()) end_oldest();
}

void LogRepeats::end_oldest() {
  by_key_.erase(texts_.front().key);
  Text text = std::move(texts_.front());
  texts_.pop_front();
  if (text.held == 0) return;
  text.last.message += " (repeated " + std::to_string(text.held) + " times)";
  write_(std::move(text.last));
}

}  // namespace troupe::runtime
