#pragma once

#include <atomic>
#include <cstdint>
#include <latch>
#include <memory>

#include "runtime/registry.hpp"

namespace troupe::runtime {
class Node;
}

namespace troupe::bench {

/// Actors that end at once ("brief"), and how long it takes until so many were started and have
/// ended.
class Spawning {
 public:
  /// Adds its type, before worker_main().
  explicit Spawning(runtime::Registry& registry);

  /// By the host alone, as a supervisor has it start them: each under a name of its own that is
  /// known already. Beside caf::actor_system::spawn. @return seconds.
  double bare(const runtime::Registry& registry, std::uint64_t count);
  /// Temporary children of the supervisor "/", one request each from the outside
  /// (Node::start_child). Beside a plain actor that spawns, monitors and answers. @return seconds.
  double children(runtime::Node& node, std::uint64_t count);

 private:
  std::unique_ptr<std::latch> ended_;
};

}  // namespace troupe::bench
