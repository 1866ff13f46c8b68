#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace troupe::bench {

using Steady = std::chrono::steady_clock;

inline double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>{Steady::now() - begin}.count();
}

inline double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

inline double median(const std::vector<double>& values) {
  return quantile(values, 0.5);
}

/// The seconds that the same work took by each side, round by round.
struct Pair {
  std::vector<double> ours;
  std::vector<double> plain;

  /// One line of the table: how much work a second, and how many times as much ours is.
  void print(const char* what, double work, const char* unit) const {
    std::printf("%-34s %8.3f %s %8.3f %s %8.2f\n", what, work / median(ours), unit,
                work / median(plain), unit, median(plain) / median(ours));
  }
};

}  // namespace troupe::bench
