#include "runtime/exit.hpp"

namespace troupe::runtime {

std::string_view to_string(ExitKind kind) {
  switch (kind) {
    case ExitKind::normal:
      return "normal";
    case ExitKind::shutdown:
      return "shutdown";
    case ExitKind::failed:
      return "failed";
    case ExitKind::killed:
      return "killed";
    case ExitKind::lost:
      return "lost";
  }
  return "unknown";
}

std::string to_string(const Exit& exit) {
  return std::string{to_string(exit.kind)} + (exit.reason.empty() ? "" : ": " + exit.reason);
}

}  // namespace troupe::runtime
