#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/evaluator/early_stopping.hpp"
#include "actors/evaluator/gate.hpp"
#include "actors/job/spec_reader.hpp"
#include "actors/job/train_spec.hpp"

namespace troupe::actors {

/// The `evaluate` section of a job.
///
///     evaluate:
///       every: epoch                 # or: 500 steps
///       metrics: [accuracy, f1_macro]   # what is shown; all are measured
///       top_k: 5
///       batch: 500                   # rows at once; fixed for the job, as the bits may depend on it
///       parts: 8                     # what evaluators share
///       device: cpu                  # or cuda: NVIDIA GPUs; the bits of what is measured are the device's
///       gate: accuracy >= 0.97 and loss <= 0.1
///       early_stopping: {metric: loss, patience: 3, min_delta: 0.001, mode: min}
struct EvaluateSpec {
  std::uint64_t every_steps = 0;  ///< 0: at the end of each epoch
  std::vector<std::string> metrics;
  std::int64_t top_k = 5;
  std::int64_t batch = 500;
  std::uint32_t parts = 8;
  DeviceKind device = DeviceKind::cpu;  ///< cpu or cuda
  Gate gate;
  std::optional<EarlyStopping> early_stopping;

  bool operator==(const EvaluateSpec&) const = default;
};

/// Reads the section of a task with so many classes (0: a value is predicted); what does not fit becomes a problem.
EvaluateSpec read_evaluate(SpecReader& section, std::int64_t classes);
/// The same where the task is not known: metrics may be those of any.
void read_evaluate_of_any_task(SpecReader& section);

}  // namespace troupe::actors
