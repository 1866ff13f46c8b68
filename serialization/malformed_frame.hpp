#pragma once

#include <string>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

/// A frame that does not hold what it says, or what its reader was promised: the fault of whoever made it,
/// not of whoever reads it. Code: corrupted.
class MalformedFrame : public Error {
 public:
  explicit MalformedFrame(const std::string& message) : Error{ErrorCode::corrupted, message} {}
};

}  // namespace troupe::serialization
