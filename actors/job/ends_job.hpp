#pragma once

#include "runtime/base/error.hpp"

namespace troupe::actors {

/// Whether an error ends the job: what is wrong with what was given stays wrong, and a disk stays full, however often an
/// actor begins anew.
constexpr bool ends_job(ErrorCode code) {
  return code != ErrorCode::bug && code != ErrorCode::disconnected;
}

}  // namespace troupe::actors
