#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

Values softmax(const gpu::Softmax& shape, const Values& x);
Values softmax_backward(const gpu::SoftmaxBackward& shape, const Values& y, const Values& dy);

}  // namespace troupe::test::reference
