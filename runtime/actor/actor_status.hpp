#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// What `troupe ps` shows of an actor beside its path. Its supervisor keeps it.
struct ActorStatus {
  std::string type = {};
  std::string state = {};  ///< "" : there is no such child any more
  std::uint64_t restarts = 0;
  std::string last_error = {};
  std::uint32_t order = 0;  ///< among its siblings
  TimePoint since = {};     ///< in this state
};

}  // namespace troupe::runtime
