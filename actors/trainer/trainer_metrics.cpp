#include "actors/trainer/trainer_metrics.hpp"

#include <limits>

namespace troupe::actors {
namespace {

runtime::Gauge& phase(runtime::Metrics& metrics, const std::string& path, const char* name) {
  return metrics.gauge("troupe_trainer_step_seconds",
                       "How long a GPU took for a phase of one step, measured about once a second.",
                       {{"trainer", path}, {"phase", name}});
}

}  // namespace

TrainerMetrics::TrainerMetrics(runtime::Metrics& metrics, const std::string& path)
    : batch_{phase(metrics, path, "batch")},
      forward_{phase(metrics, path, "forward")},
      backward_{phase(metrics, path, "backward")},
      sum_{phase(metrics, path, "sum")},
      update_{phase(metrics, path, "update")},
      flops_{metrics.gauge("troupe_trainer_flops",
                           "Multiplications and additions a second in the products of that step.",
                           {{"trainer", path}})},
      used_{metrics.gauge("troupe_gpu_memory_used_bytes", "Of the trainer's GPU, by all.",
                          {{"trainer", path}})},
      total_{
          metrics.gauge("troupe_gpu_memory_bytes", "Of the trainer's GPU.", {{"trainer", path}})},
      busy_{metrics.gauge("troupe_gpu_busy",
                          "In what share of the last moments the trainer's GPU computed; NaN: the "
                          "driver does not say.",
                          {{"trainer", path}})} {}

void TrainerMetrics::set(const StepTimes& times, double flops) {
  batch_.set(times.batch);
  forward_.set(times.forward);
  backward_.set(times.backward);
  sum_.set(times.sum);
  update_.set(times.update);
  if (times.whole() > 0.0) flops_.set(flops / times.whole());
}

void TrainerMetrics::set(const gpu::DeviceUse& use) {
  used_.set(static_cast<double>(use.used_bytes));
  total_.set(static_cast<double>(use.total_bytes));
  busy_.set(use.busy.value_or(std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace troupe::actors
