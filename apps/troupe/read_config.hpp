#pragma once

#include "apps/troupe/arguments.hpp"
#include "runtime/config/config.hpp"

namespace troupe::apps {

/// The file that is the first argument, with what --set says.
/// @throws Error bad_input for a --set that is no A.B=V.
runtime::ConfigResult read_config(const Arguments& arguments, runtime::Registry& registry);

/// To stderr. @return whether there are any.
bool print_problems(const runtime::ConfigResult& result);

}  // namespace troupe::apps
