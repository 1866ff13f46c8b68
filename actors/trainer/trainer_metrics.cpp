#include "actors/trainer/trainer_metrics.hpp"

#include <limits>

namespace troupe::actors {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void TrainerMetrics::set(const StepTimes& times, double flops, double peak) {
  if (!(times.whole() > 0.0)) return;
  told_times_ = true;
  const double rate = flops / times.whole();
  set_times(times, rate, peak > 0.0 ? rate / peak : unknown);
}

void TrainerMetrics::forget_times() {
  if (told_times_)
    set_times({unknown, unknown, unknown, unknown, unknown, unknown}, unknown, unknown);
  told_times_ = false;
}

void TrainerMetrics::set_times(const StepTimes& times, double flops, double share) {
  const auto set_phase = [this](const char* phase, double seconds) {
    metrics_
        .gauge("troupe_trainer_step_seconds",
               "How long a GPU took for a phase of its shards of one step.",
               {{"trainer", path_}, {"phase", phase}})
        .set(seconds);
  };
  set_phase("batch", times.batch);
  set_phase("forward", times.forward);
  set_phase("backward", times.backward);
  set_phase("sum", times.sum);
  set_phase("leave", times.leave);
  set_phase("update", times.update);
  metrics_
      .gauge("troupe_trainer_flops",
             "Multiplications and additions a second in the products of those shards.",
             {{"trainer", path_}})
      .set(flops);
  metrics_
      .gauge("troupe_trainer_flops_share",
             "Of what the GPU reaches in one large product, measured at the start.",
             {{"trainer", path_}})
      .set(share);
}

void TrainerMetrics::set(const gpu::DeviceUse& use) {
  metrics_
      .gauge("troupe_gpu_memory_used_bytes", "Of the trainer's GPU, by all.", {{"trainer", path_}})
      .set(static_cast<double>(use.used_bytes));
  metrics_.gauge("troupe_gpu_memory_bytes", "Of the trainer's GPU.", {{"trainer", path_}})
      .set(static_cast<double>(use.total_bytes));
  metrics_
      .gauge("troupe_gpu_busy",
             "In what share of the last moments the trainer's GPU computed; NaN: the driver does "
             "not say.",
             {{"trainer", path_}})
      .set(use.busy.value_or(unknown));
}

}  // namespace troupe::actors
