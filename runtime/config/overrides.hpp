#pragma once

#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/config/node.hpp"
#include "runtime/config/parse.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime::config {

/// The tree with the overrides set, in their order. `root` is a map.
NodePtr apply_overrides(NodePtr root, const std::vector<Override>& overrides,
                        const Environment& environment, Budget& budget, Problems& problems);

}  // namespace troupe::runtime::config
