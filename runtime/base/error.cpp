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

std::string reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "it threw something that is no std::exception";
  }
}

std::string one_line(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;)
    text.replace(at, 1, "; ");
  return text;
}

}  // namespace troupe
