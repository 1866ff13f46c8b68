#pragma once

#include <string>

#include "runtime/base/error.hpp"

namespace troupe::runtime {

/// "`what`: " and the system's reason. @param error an errno.
Error posix_error(const std::string& what, int error);

}  // namespace troupe::runtime
