#pragma once

#include <cstddef>
#include <vector>

#include "runtime/config/check.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime::config {

/// The indices of siblings in the order in which they start: each after those that it names in `after`, else as
/// they were written. Unknown names and cycles are told; what stands on a cycle is left out.
std::vector<std::size_t> start_order(const std::vector<Item>& items, Problems& problems);

}  // namespace troupe::runtime::config
