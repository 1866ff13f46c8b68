#include "actors/coordinator/step_news.hpp"

#include <chrono>

#include "gpu/nn/schedule.hpp"

namespace troupe::actors {
namespace {
constexpr Duration told_every = std::chrono::milliseconds{100};
}  // namespace

std::optional<StepsDone> StepNews::add(const TrainingJob& job, std::span<const StepRecord> steps,
                                       TimePoint now) {
  const StepRecord& step = steps.back();
  untold_ += steps.size();
  const bool last = step.step + 1 == job.steps();
  if (!last && now - told_at_ < told_every) return {};
  const double seconds = std::chrono::duration<double>(now - told_at_).count();
  const auto batch = static_cast<std::uint64_t>(job.spec().batch);
  StepsDone done;
  done.step = step.step + 1;
  done.steps = job.steps();
  done.epoch = step.step * batch / job.samples();
  done.epochs = (done.steps * batch + job.samples() - 1) / job.samples();
  done.loss = step.loss;
  done.learning_rate = gpu::nn::learning_rate(job.spec().schedule, step.step);
  if (told_at_ != TimePoint{} && seconds > 0)
    done.samples_per_second = static_cast<double>(untold_ * batch) / seconds;
  told_at_ = now;
  untold_ = 0;
  return done;
}

}  // namespace troupe::actors
