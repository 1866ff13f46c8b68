#include "actors/trainer/shard_worker.hpp"

#include <chrono>

#include "gpu/nn/matrix_peak.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

ShardWorker::Sum ShardWorker::sum(const StepPart& part, std::span<const ShardInputs> inputs,
                                  VersionSlots& slots, bool measures) {
  const auto held = slots.hold_newest();
  if (!held || held->version() > part.step ||  // the step is past
      part.step - held->version() > job_->train().staleness)
    return {};
  if (!timer_) timer_.emplace(*device().device, job_->layout().buckets.size());
  if (measures) timer_->want();
  const auto began = std::chrono::steady_clock::now();
  Sum sum{runner().sum(part.step, part.node, inputs, held->version(), held->state(),
                       measures ? &*timer_ : nullptr)};
  sum.took = std::chrono::steady_clock::now() - began;
  if (measures) {
    sum.measured = {device().device->use(), timer_->take(), part.node.count * runner().flops(),
                    peak()};
  }
  return sum;
}

double ShardWorker::measure_peak() {
  try {
    return gpu::nn::matrix_peak(*device().device, job_->spec().precision);
  } catch (const Error& error) {  // it is for people to see
    if (error.code() != ErrorCode::exhausted) throw;
    return 0.0;
  }
}

}  // namespace troupe::actors
