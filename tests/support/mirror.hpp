#pragma once

#include "runtime/registry.hpp"

namespace troupe::test {

/// "mirror": answers each message that the project's schemas have with the same frame.
void add_mirror(runtime::Registry& registry);

}  // namespace troupe::test
