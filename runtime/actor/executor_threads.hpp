#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// Where the jobs of a node's executors run: each executor's on a thread of its own, or, for tests that
/// must go the same way every time, on the thread that calls run_one(), in the order in which they were
/// handed over, whichever executor has them. Thread-safe. Threads may outlive it.
class ExecutorThreads {
 public:
  enum class Mode { threads, manual };

  explicit ExecutorThreads(Mode mode = Mode::threads);

  Mode mode() const { return mode_; }

  /// Starts a detached thread, which counts as live under `name` until `body` has returned and been destroyed.
  /// @throws Error exhausted if there are no more threads to be had.
  void start(const std::string& name, std::function<void()> body);

  /// Waits (on the machine's clock) until no thread is live. @return the names of those that still are.
  std::vector<std::string> wait_until_none(Duration within);

  /// Manual: hands over one turn, which runs a job and says so, or finds that it was dropped.
  void add_turn(std::function<bool()> turn);

  /// Manual: runs the next job. @return whether there was one.
  bool run_one();

  /// Manual: runs the jobs that are there now, not those that they lead to. @return how many ran.
  std::size_t run_all();

 private:
  struct Live;
  struct Turns;

  Mode mode_;
  std::shared_ptr<Live> live_;
  std::shared_ptr<Turns> turns_;
};

}  // namespace troupe::runtime
