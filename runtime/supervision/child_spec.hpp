#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime {

/// Who is restarted when a child ends: it alone; all children; it and those that were started after it.
enum class Strategy : std::uint8_t { one_for_one, one_for_all, rest_for_one };

/// Which ends make a supervisor start the child again: every one; those that were not wanted; none.
enum class Restart : std::uint8_t { permanent, transient, temporary };

/// Where a child runs: on the threads of its node, or in a process of its own.
enum class Isolation : std::uint8_t { none, process };

std::string_view to_string(Strategy strategy);
std::string_view to_string(Restart restart);
std::string_view to_string(Isolation isolation);

/// How long a supervisor waits before the n-th restart in a row (n = 0, 1, …): min(limit, first * factor^n),
/// of which a share of up to `jitter` is taken off at random. A child that has run for `limit` or longer, or for
/// the supervisor's period if that is longer, begins anew with n = 0.
struct Backoff {
  Duration first = std::chrono::milliseconds{0};  ///< 0: at once, the first time and ever
  Duration limit = std::chrono::seconds{30};
  double factor = 2.0;  ///< >= 1
  double jitter = 0.2;  ///< 0 … 1
};

struct ChildSpec;

/// A supervisor and what it looks after.
struct SupervisorSpec {
  Strategy strategy = Strategy::one_for_one;
  /// At most `intensity` restarts within `period`; one more, and the supervisor stops all its children and
  /// fails itself, for its own supervisor to decide.
  std::uint32_t intensity = 3;
  Duration period = std::chrono::seconds{5};
  Backoff backoff = {};
  std::vector<ChildSpec> children;  ///< started in this order, stopped in reverse
  /// Of a group, whose children are named "0", "1", …: what one more of them is, but for the name.
  std::shared_ptr<const ChildSpec> replica = {};
};

/// How one child is started, restarted and stopped.
struct ChildSpec {
  std::string
      name;  ///< its part of the path: letters, digits, '_', '-', '.'; unique beside its siblings
  std::string type;  ///< of the registry; unused if `supervisor` is set
  Parameters parameters = {};
  Restart restart = Restart::permanent;
  Isolation isolation = Isolation::none;
  Duration start_within = std::chrono::seconds{30};  ///< else it counts as failed and is ended hard
  Duration stop_within = std::chrono::seconds{5};    ///< to end by itself when asked to, then hard
  /// If set, the child is itself a supervisor.
  std::shared_ptr<const SupervisorSpec> supervisor = {};
};

}  // namespace troupe::runtime
