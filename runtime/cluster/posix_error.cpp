#include "runtime/cluster/posix_error.hpp"

#include <cerrno>
#include <system_error>

namespace troupe::runtime {
namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
      return ErrorCode::exhausted;
    case ENOSYS:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::bad_input;
  }
}

}  // namespace

Error posix_error(const std::string& what, int error) {
  return Error{code_of(error), what + ": " + std::generic_category().message(error)};
}

}  // namespace troupe::runtime
