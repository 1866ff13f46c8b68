#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "actors/job/training_job.hpp"
#include "actors/trainer/job_device.hpp"
#include "actors/trainer/resident_job.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/matrix_peak.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

/// What a trainer computes a job with. Made where it is first used, which is the thread of the trainer's executor
/// "shards"; lives and is used there.
class ShardWorker {
 public:
  ShardWorker(std::shared_ptr<const TrainingJob> job, GpuOptions gpu)
      : job_{std::move(job)}, gpu_{std::move(gpu)} {}

  const std::shared_ptr<const TrainingJob>& job() const { return job_; }
  JobDevice& device() {
    if (!device_.device) device_ = JobDevice::make(*job_, gpu_);
    return device_;
  }
  ShardRunner& runner() {
    if (!runner_) runner_ = std::make_unique<ShardRunner>(job_, *device().device);
    return *runner_;
  }
  /// Shared with whoever copies a version out of it elsewhere.
  const std::shared_ptr<ResidentJob>& resident() {
    if (!resident_) resident_ = std::make_shared<ResidentJob>(job_, *device().device, runner());
    return resident_;
  }
  void drop_resident() { resident_.reset(); }
  /// What the device reaches in the job's precision, measured once (gpu::nn::matrix_peak); 0: there was no memory for that.
  double peak() {
    if (!peak_) peak_ = measure_peak();
    return *peak_;
  }

 private:
  double measure_peak() {
    try {
      return gpu::nn::matrix_peak(*device().device, job_->spec().precision);
    } catch (const Error& error) {  // it is for people to see
      if (error.code() != ErrorCode::exhausted) throw;
      return 0.0;
    }
  }

  std::shared_ptr<const TrainingJob> job_;
  GpuOptions gpu_;
  JobDevice device_;
  std::unique_ptr<ShardRunner> runner_;
  std::shared_ptr<ResidentJob> resident_;
  std::optional<double> peak_;
};

}  // namespace troupe::actors
