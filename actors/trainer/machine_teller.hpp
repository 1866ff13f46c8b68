#pragma once

#include <functional>
#include <memory>

#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "actors/trainer/shard_worker.hpp"

namespace troupe::runtime {
class Context;
}

namespace troupe::actors {

/// Has a trainer's coordinator know what its machine makes of a job, or why it cannot compute it (JOB-6): found out once a job,
/// since beside what computes the job there may be no room for that. A member of its actor.
class MachineTeller {
 public:
  MachineTeller(runtime::Context& context, Membership& membership)
      : context_{context}, membership_{membership} {}

  /// @param then  called when the worker is ready for the job, with whether it computes on a device with memory of its own
  void show(const std::shared_ptr<ShardWorker>& worker, std::function<void(bool on_device)> then);
  /// What is under way is not told any more.
  void forget() { job_.reset(); }

 private:
  runtime::Context& context_;
  Membership& membership_;
  std::shared_ptr<const TrainingJob> job_;  // that is shown, or will be
};

}  // namespace troupe::actors
