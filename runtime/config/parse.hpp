#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/node.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime::config {

/// What a config may cost: each a limit of one file with its overrides.
struct Budget {
  std::size_t nodes = 100'000;
  std::size_t text_bytes = std::size_t{16} << 20;
};

constexpr std::size_t most_file_bytes = std::size_t{4} << 20;
constexpr std::size_t most_depth = 64;

using Environment = std::function<std::optional<std::string>(std::string_view)>;

/// YAML to nodes, variables replaced. A null pointer if it is no YAML or goes beyond the budget: the problem was
/// told then. `source` is what marks carry.
NodePtr parse(std::string_view text, std::size_t source, const Environment& environment,
              Budget& budget, Problems& problems);

}  // namespace troupe::runtime::config
