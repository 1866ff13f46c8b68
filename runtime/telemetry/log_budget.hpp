#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// How much of a log goes to another process: so many bytes a second, and a second's worth at once (a token bucket).
/// Not synchronised.
class LogBudget {
 public:
  explicit LogBudget(std::uint64_t bytes_a_second, TimePoint now)
      : rate_{bytes_a_second}, left_{bytes_a_second}, filled_{now} {}

  /// Whether a record of that size goes. If not, it is counted.
  bool take(std::uint64_t bytes, TimePoint now) {
    const auto elapsed = std::clamp<Duration>(now - filled_, Duration{0}, std::chrono::seconds{1});
    filled_ = std::max(filled_, now);
    const auto seconds = std::chrono::duration<double>{elapsed}.count();
    left_ = std::min(rate_, left_ + static_cast<std::uint64_t>(seconds * static_cast<double>(rate_)));
    if (bytes > left_) {
      ++left_out_;
      return false;
    }
    left_ -= bytes;
    return true;
  }
  /// How many did not go since this was called last.
  std::uint64_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  const std::uint64_t rate_;
  std::uint64_t left_;
  TimePoint filled_;
  std::uint64_t left_out_ = 0;
};

}  // namespace troupe::runtime
