#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/base/clock.hpp"
#include "runtime/telemetry/log_record.hpp"

namespace troupe::runtime {

/// Holds back messages that one actor repeats: of those with the same component and text the first `allowed`
/// within a second pass, the others are counted and become one record when the second is over, the last one's
/// with " (repeated n times)" after its message. Not synchronised.
class LogRepeats {
 public:
  static constexpr Duration window = std::chrono::seconds{1};
  /// When there are more texts within a second, the oldest's second ends early.
  static constexpr std::size_t max_texts = 256;

  /// What passes goes to `write`.
  LogRepeats(std::uint32_t allowed, std::function<void(LogRecord)> write)
      : allowed_{allowed}, write_{std::move(write)} {}

  /// A record logged at `now`, which never decreases.
  void add(LogRecord record, TimePoint now);
  /// Ends the seconds that are over.
  void end_until(TimePoint now);
  /// Ends all of them.
  void end_all();

 private:
  struct Text {
    std::string key;
    TimePoint begin;
    std::uint32_t passed = 0;
    std::uint64_t held = 0;
    LogRecord last = {};  // of those held back
  };

  void end_oldest();

  std::uint32_t allowed_;
  std::function<void(LogRecord)> write_;
  std::deque<Text> texts_;  // by begin
  std::unordered_map<std::string, Text*> by_key_;
};

}  // namespace troupe::runtime
