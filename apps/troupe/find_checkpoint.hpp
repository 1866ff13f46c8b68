#pragma once

#include <string>

namespace troupe::apps {

/// The checkpoint's folder that `path` means: itself, or of a run's folder the version that its job gave, else the newest
/// one that verifies.
/// @throws Error bad_input if there is none.
std::string find_checkpoint(const std::string& path);

}  // namespace troupe::apps
