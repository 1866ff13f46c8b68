#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/supervision/child_spec.hpp"

namespace troupe::runtime {
class Registry;

/// What is wrong with a config, and where. Lines and columns (in bytes) count from 1; 0: the file as a whole,
/// or an override, whose `file` is then "--set path=value".
struct Problem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string what;  ///< one line

  bool operator==(const Problem&) const = default;
};

/// "file:line:column: what"
std::string to_string(const Problem& problem);

/// One key of the config set from outside: `--set workers.replicas=4` is {"workers.replicas", "4"}. The path
/// is names of actors, then keys, with '.' between; the value is read as YAML.
struct Override {
  std::string path;
  std::string value;
};

/// What a config asks a node to run.
struct NodeConfig {
  std::string name;
  SupervisorSpec root;
  std::vector<std::string> plugins;  ///< absolute
  /// By the absolute path of each group (an entry with `replicas`): what one more of its children would be.
  /// Its name is the next free number.
  std::map<std::string, ChildSpec> groups;
};

struct ConfigOptions {
  std::vector<Override> overrides = {};
  /// Whether `isolation: process` can be had.
  bool isolation_available = true;
  /// What `${NAME}` stands for, or none if it is not set. Without this, nothing is set.
  std::function<std::optional<std::string>(std::string_view)> environment = {};
};

struct ConfigResult {
  NodeConfig config;  ///< usable only if there are no problems
  std::vector<Problem>
      problems;  ///< by position, those of overrides last; of more than 100 the first
};

/// Checks a config whole and expands it; starts nothing, loads nothing. `file` names it in problems, and its
/// folder is where relative plugins lie. Any text is safe to read: its size, depth and what it expands to have
/// limits (docs/config.md).
ConfigResult read_config(std::string_view text, const std::string& file, const Registry& registry,
                         const ConfigOptions& options);

/// The same for a file; first loads its plugins into the registry, but those that are in it already. A
/// file that cannot be read, or a plugin that cannot be loaded, is a problem like any other.
ConfigResult read_config_file(const std::string& file, Registry& registry,
                              const ConfigOptions& options);

/// The expanded tree as a config with every default filled in, siblings in the order in which they start, `job`
/// parameters marked. To read it gives the same tree, unless it is so large that it is beyond the limits. The
/// config must be one that was read with this registry.
std::string explain(const NodeConfig& config, const Registry& registry);

/// SHA-256, in hex, over the `job` parameters of all actors by path. A group counts once, so that its replicas
/// do not change it; nor do actors without such parameters.
///
/// @throws Error bad_input if the registry lacks a type, or the config one of its parameters.
std::string job_fingerprint(const NodeConfig& config, const Registry& registry);

/// All short forms with their keys and types with their parameters, for people to read, 100 columns wide.
std::string describe_types(const Registry& registry);

/// The same as Markdown tables, the keys of short forms first: the generated part of docs/config.md.
std::string config_reference(const Registry& registry);

}  // namespace troupe::runtime
