#include "actors/trainer/machine_teller.hpp"

#include <exception>
#include <string>
#include <utility>

#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::actors {
namespace {

struct Probed {
  JobMachine machine;
  bool on_device = false;
  std::string why_not;
};

/// By the worker's thread.
Probed probe_by(ShardWorker& worker) {
  JobDevice& device = worker.device();
  Probed probed{machine_of(*worker.job(), device), !device.is_cpu, device.why_not};
  // Want of memory has to show before step 0.
  if (probed.on_device) worker.resident()->rehearse();
  return probed;
}

}  // namespace

void MachineTeller::show(const std::shared_ptr<ShardWorker>& worker,
                         std::function<void(bool on_device)> then) {
  if (job_ == worker->job()) {
    if (membership_.shown() == job_->id()) membership_.show_again();
    return;
  }
  job_ = worker->job();
  context_.executor({.name = "shards"})
      .run_as(
          "probe", [worker] { return probe_by(*worker); },
          [this, job = job_, then = std::move(then)](Probed probed) {
            if (job != job_) return;
            if (!probed.why_not.empty())
              context_.log().info("computed by the CPU", {{"why", probed.why_not}});
            then(probed.on_device);
            membership_.show(job->id(), probed.machine.probe, std::move(probed.machine.facts));
          },
          // That this machine cannot compute the job is the coordinator's to judge: another one may.
          [this, job = job_](const std::exception_ptr& thrown) {
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              const bool exhausted = error.code() == ErrorCode::exhausted;
              if (error.code() != ErrorCode::unsupported && !exhausted) throw;
              if (job == job_) membership_.show_fault(job->id(), one_line(error.what()), exhausted);
            }
          });
}

}  // namespace troupe::actors
