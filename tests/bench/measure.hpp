#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace troupe::bench {

/// Seconds of one of the calls that `work(calls)` makes, which returns when all of them are done: the median of `batches`
/// timed batches, each of as many calls as fill `batch_seconds`, after two calls that warm up.
template <class Work>
double median_seconds_of_many(Work&& work, std::size_t batches, double batch_seconds) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&work](std::size_t calls) {
    const auto begin = Clock::now();
    work(calls);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  timed(2);
  std::size_t calls = 1;
  while (timed(calls) < batch_seconds) calls *= 2;
  std::vector<double> seconds(batches);
  for (double& batch : seconds) batch = timed(calls) / static_cast<double>(calls);
  std::ranges::nth_element(seconds, seconds.begin() + static_cast<std::ptrdiff_t>(batches / 2));
  return seconds[batches / 2];
}

/// The same of work that is done when its call returns. Pin the program to a core before trusting it.
template <class Work>
double median_seconds(Work&& work, std::size_t batches = 11, double batch_seconds = 2e-3) {
  return median_seconds_of_many(
      [&work](std::size_t calls) {
        for (std::size_t call = 0; call < calls; ++call) work();
      },
      batches, batch_seconds);
}

}  // namespace troupe::bench
