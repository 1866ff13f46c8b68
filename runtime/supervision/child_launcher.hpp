#pragma once

#include <cstdint>
#include <string>

#include "runtime/supervision/child_spec.hpp"

namespace troupe::runtime {

/// Carries out what a supervisor decides. Whoever wants to know what becomes of a child watches its name: it
/// goes up when the child is ready, and down with its end, once for each start. Thread-safe; never blocks.
class ChildLauncher {
 public:
  virtual ~ChildLauncher() = default;
  /// Unique in the node and growing, across its processes too.
  virtual std::uint64_t new_incarnation() = 0;
  virtual void start(const ChildSpec& spec, const std::string& path, std::uint64_t incarnation) = 0;
  /// Asks it to end, after what lies in its mailbox.
  virtual void stop(const std::string& path, std::uint64_t incarnation) = 0;
  /// Ends it hard: nothing that it does counts from here on. One that hangs is left behind.
  virtual void kill(const std::string& path, std::uint64_t incarnation,
                    const std::string& reason) = 0;
};

}  // namespace troupe::runtime
