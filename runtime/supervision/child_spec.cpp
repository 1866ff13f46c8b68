#include "runtime/supervision/child_spec.hpp"

namespace troupe::runtime {

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::one_for_one:
      return "one_for_one";
    case Strategy::one_for_all:
      return "one_for_all";
    case Strategy::rest_for_one:
      return "rest_for_one";
  }
  return "unknown";
}

std::string_view to_string(Restart restart) {
  switch (restart) {
    case Restart::permanent:
      return "permanent";
    case Restart::transient:
      return "transient";
    case Restart::temporary:
      return "temporary";
  }
  return "unknown";
}

std::string_view to_string(Isolation isolation) {
  switch (isolation) {
    case Isolation::none:
      return "none";
    case Isolation::process:
      return "process";
  }
  return "unknown";
}

}  // namespace troupe::runtime
