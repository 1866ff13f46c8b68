#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/config/node.hpp"
#include "runtime/config/parse.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime::config {

/// The overrides of a config, set one stage after the other: its own plugins first, then its sections, then the
/// actors that the sections made.
class Overrides {
 public:
  Overrides(const std::vector<Override>& overrides, const Environment& environment, Budget& budget,
            Problems& problems);

  /// Whether an override's path belongs to a stage.
  using Chosen = std::function<bool(const Node& root, std::string_view path)>;

  /// The tree with those set that are chosen and have not been set yet, in their order. `root` is a map.
  NodePtr apply(NodePtr root, const Chosen& chosen, const Registry& registry);

 private:
  const std::vector<Override>& overrides_;
  const Environment& environment_;
  Budget& budget_;
  Problems& problems_;
  std::vector<bool> done_;
};

}  // namespace troupe::runtime::config
