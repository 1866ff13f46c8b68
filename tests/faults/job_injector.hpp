#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "actors/versions/version_slots.hpp"
#include "runtime/cluster/node.hpp"
#include "tests/faults/fault_schedule.hpp"
#include "tests/support/job_watch.hpp"

namespace troupe::faults {

/// Ends actors of a job that runs, as a schedule says, at a mean interval of three times what detection and rejoin took so
/// far: from the blow until the struck one's successor runs and the job has made a step since. When nothing came of the
/// job between two blows, neither a step nor a measurement, the next one comes later, so that it goes on at all.
class JobInjector {
 public:
  /// @param job  its TrainingJob::id()
  JobInjector(const Schedule& schedule, const test::JobWatch& watch, std::uint64_t job)
      : schedule_{schedule},
        watch_{watch},
        job_{job},
        random_{schedule.seed + 1},
        in_turn_{schedule.targets.begin(), schedule.targets.end()} {}

  /// A version was measured. From any thread.
  void measured() { ++measured_; }
  /// Until end() is called.
  void run(runtime::Node& node);
  /// The node is not touched any more when this returns. From any thread.
  void end();

  /// Faults after which a successor ran. To be read when run() has returned.
  const Coverage& struck() const { return struck_; }
  std::chrono::duration<double> mean_rejoin() const { return mean_rejoin_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Blow {
    Target target;
    std::string path;
    std::uint64_t incarnation = 0;  // of whom it struck
    Clock::time_point at;
    bool came_back = false;
    std::uint64_t version = 0;  // the newest when the successor was there
  };

  Clock::duration interval();
  std::uint64_t newest() const;
  void settle();
  bool strike(runtime::Node& node, Target target);
  std::optional<Subject> strike_in_step(runtime::Node& node, Kind kind, const std::string& path,
                                        pid_t process) const;
  std::optional<Subject> strike_in_update(runtime::Node& node, Kind kind, const std::string& path,
                                          pid_t process) const;
  std::string path_of(Subject subject);

  const Schedule& schedule_;
  const test::JobWatch& watch_;
  const std::uint64_t job_;
  std::minstd_rand random_;
  std::mutex mutex_;
  std::atomic<bool> ended_ = false;
  std::atomic<std::uint64_t> measured_ = 0;
  std::uint64_t came_of_it_ = 0;  // steps and measurements when it struck last
  unsigned patience_ = 1;
  std::deque<Target> in_turn_;  // not struck yet
  std::vector<Blow> open_;
  Coverage struck_;
  std::chrono::duration<double> mean_rejoin_{0.01};  // a guess at first
  std::uint64_t rejoins_ = 0;
};

}  // namespace troupe::faults
