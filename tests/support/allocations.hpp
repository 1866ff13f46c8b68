#pragma once

#include <cstddef>

namespace troupe::test {

/// How often `operator new` has been called in this program, whose use replaces it.
std::size_t allocations();

}  // namespace troupe::test
