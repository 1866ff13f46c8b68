#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/node.hpp"
#include "runtime/config/problems.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::runtime::config {

constexpr std::size_t most_actors = 10'000;
/// The longest that any duration of a config may be; what is derived stops there too.
constexpr Duration longest_duration = std::chrono::hours{24};

/// A text and where it stands.
struct Located {
  Mark mark;
  std::string text;
};

/// An entry of `actors`, checked as far as it can be by itself.
struct Item {
  Mark mark;
  std::string name;  ///< empty if it had none that is good
  std::vector<Located> after;
  std::map<std::string, Mark> path_parameters;  ///< still as they were written
  std::map<std::string, ParameterValue> values;
  std::optional<std::uint32_t> replicas;
  std::optional<Duration> start_within;
  std::optional<Duration> stop_within;
  ChildSpec spec;           ///< of an actor: all but its name and parameters
  SupervisorSpec settings;  ///< of a supervisor: all but its children
  std::vector<Item> children;
  bool is_supervisor = false;
};

struct Checked {
  std::string name;
  std::vector<Located> plugins;
  Item root;  ///< its settings and children
};

Checked check(const Node& root, const Registry& registry, bool isolation_available,
              Problems& problems);

/// The file's plugins alone, nothing told.
std::vector<Located> plugins_of(const Node& root);

// The keys that each level knows.
const std::vector<std::string_view>& root_keys();
const std::vector<std::string_view>& actor_keys();
const std::vector<std::string_view>& supervisor_keys();
const std::vector<std::string_view>& settings_keys();

}  // namespace troupe::runtime::config
