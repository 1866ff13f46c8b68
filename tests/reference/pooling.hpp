#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

Values pool(const gpu::Pool& shape, const Values& x);
/// Of equal maxima the first in row-major order takes the gradient.
Values pool_backward(const gpu::PoolBackward& shape, const Values& x, const Values& dy);

}  // namespace troupe::test::reference
