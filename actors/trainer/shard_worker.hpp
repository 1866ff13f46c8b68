#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "actors/job/training_job.hpp"
#include "actors/trainer/job_device.hpp"
#include "actors/trainer/resident_job.hpp"
#include "actors/trainer/shard_batches.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "actors/trainer/step_times.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "runtime/base/clock.hpp"
#include "serialization/frame.hpp"

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
  /// What the device tells of a part.
  struct Measured {
    std::optional<gpu::DeviceUse> use;
    std::optional<StepTimes> times;
    double flops = 0.0;  ///< of the part
    double peak = 0.0;   ///< of the device, as peak()
  };
  /// A part's sum, and how long it took; empty if the part is not wanted any more.
  struct Sum {
    serialization::Frame frame;
    Duration took{};
    std::optional<Measured> measured = {};
  };
  /// From the newest version. @param measures  whether the device is asked
  Sum sum(const StepPart& part, std::span<const ShardInputs> inputs, VersionSlots& slots,
          bool measures);
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
  double measure_peak();

  std::shared_ptr<const TrainingJob> job_;
  GpuOptions gpu_;
  JobDevice device_;
  std::unique_ptr<ShardRunner> runner_;
  std::shared_ptr<ResidentJob> resident_;
  std::optional<StepTimer> timer_;
  std::optional<double> peak_;
};

}  // namespace troupe::actors
