#pragma once

#include <functional>
#include <string>

#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// Checks that `gradient` is that of `function` at `at`, by central differences: right to about 1e-9 for functions
/// and gradients of the order of 1, which the tolerance of 1e-6 (as in check_close) leaves room for.
void check_gradient(const std::function<double(const Values&)>& function, const Values& at,
                    const Values& gradient, const std::string& label);

}  // namespace troupe::test::reference
