#pragma once

#include <string>
#include <utility>

#include "actors/trainer/step_times.hpp"
#include "gpu/device.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace troupe::actors {

/// What a trainer on a GPU tells of it, a series for each trainer, from when it is first known.
class TrainerMetrics {
 public:
  /// @param path  the trainer's
  TrainerMetrics(runtime::Metrics& metrics, std::string path)
      : metrics_{metrics}, path_{std::move(path)} {}

  /// @param flops  of the step
  /// @param peak   that the device reaches, a second; 0: not known
  void set(const StepTimes& times, double flops, double peak);
  /// Steps are not measured any more.
  void forget_times();
  void set(const gpu::DeviceUse& use);

 private:
  void set_times(const StepTimes& times, double flops, double share);

  runtime::Metrics& metrics_;
  std::string path_;
  bool told_times_ = false;
};

}  // namespace troupe::actors
