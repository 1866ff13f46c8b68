#pragma once

#include <vector>

#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// Which elements stay, by the draws of JOB-3.
std::vector<bool> dropout_keeps(const gpu::Dropout& shape, const gpu::StepState& step);
/// Forward of x, and just as well backward of dy.
Values dropout(const gpu::Dropout& shape, const gpu::StepState& step, const Values& x);

}  // namespace troupe::test::reference
