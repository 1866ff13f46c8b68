#include "runtime/base/error.hpp"

namespace troupe {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_input:
      return "bad input";
    case ErrorCode::corrupted:
      return "corrupted";
    case ErrorCode::exhausted:
      return "exhausted";
    case ErrorCode::disconnected:
      return "disconnected";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::bug:
      return "bug";
  }
  return "unknown";
}

}  // namespace troupe
