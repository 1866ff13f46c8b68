#pragma once

#include "runtime/config/check.hpp"
#include "runtime/config/config.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime::config {

/// Groups become supervisors with their children, paths absolute, siblings are put in order. All but the plugins.
NodeConfig expand(Checked checked, Problems& problems);

}  // namespace troupe::runtime::config
