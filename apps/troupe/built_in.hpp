#pragma once

#include "runtime/registry.hpp"

namespace troupe::apps {

/// The types that need nothing else, to try a tree out with.
runtime::Registry built_in_types();

}  // namespace troupe::apps
