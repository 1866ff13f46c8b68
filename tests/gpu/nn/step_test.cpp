#include "gpu/nn/step.hpp"

using namespace troupe::gpu::nn;
using troupe::gpu::StepState;

TEST_CASE("StepState: carries step, seed and the schedule's rate") {
  const StepState state = make_step_state({Sgd{}, {}}, {0.5, ConstantRate{}, 4}, 7, 1);
  CHECK(state.step == 1);
  CHECK(state.seed == 7);
  CHECK(state.learning_rate == 0.25);
  CHECK(state.bias_correction_1 == 1.0);
  CHECK(state.bias_correction_2 == 1.0);
}

TEST_CASE("StepState: Adam's bias corrections count t + 1 (JOB-4)") {
  const StepState first = make_step_state({Adam{0.5, 0.75, 1e-8, 0.0}, {}}, {}, 0, 0);
  CHECK(first.bias_correction_1 == 0.5);
  CHECK(first.bias_correction_2 == 0.25);
  const StepState third = make_step_state({AdamW{0.5, 0.75, 1e-8, 0.0}, {}}, {}, 0, 2);
  CHECK(third.bias_correction_1 == 0.875);
  CHECK(third.bias_correction_2 == 1.0 - 0.421875);
}
