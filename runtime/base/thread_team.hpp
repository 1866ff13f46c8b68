#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe {

/// Threads that do parts of one thing for whoever owns them, and sleep otherwise. Each works in the FloatEnvironment of
/// JOB-6. Used by one thread at a time.
class ThreadTeam {
 public:
  /// @param members  the caller of run() is one of them; at least 1. Fewer, down to the caller alone, if the system has
  ///                 no more threads.
  explicit ThreadTeam(unsigned members);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  unsigned members() const { return static_cast<unsigned>(threads_.size()) + 1; }

  /// Calls `part` with 0 … members() - 1, each on a thread of its own, and returns when all are done.
  /// @throws whatever one of them threw.
  void run(const std::function<void(unsigned member)>& part);

 private:
  void work(unsigned member);
  void call(const std::function<void(unsigned)>& part, unsigned member);

  std::mutex mutex_;
  std::condition_variable begun_, done_;
  const std::function<void(unsigned)>* part_ = nullptr;
  std::uint64_t round_ = 0;
  unsigned busy_ = 0;
  bool ended_ = false;
  std::exception_ptr thrown_;
  std::vector<std::thread> threads_;  // last: they use all else
};

}  // namespace troupe
