#pragma once

#include <optional>
#include <string>

#include "actors/trainer/step_times.hpp"
#include "gpu/device.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace troupe::actors {

/// What a trainer on a GPU tells of it, a series for each trainer.
class TrainerMetrics {
 public:
  /// @param path  the trainer's
  TrainerMetrics(runtime::Metrics& metrics, const std::string& path);

  /// @param flops  of the step
  void set(const StepTimes& times, double flops);
  void set(const gpu::DeviceUse& use);

 private:
  runtime::Gauge &batch_, &forward_, &backward_, &sum_, &update_;
  runtime::Gauge &flops_, &used_, &total_, &busy_;
};

}  // namespace troupe::actors
