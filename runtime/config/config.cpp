#include "runtime/config/config.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/config/check.hpp"
#include "runtime/config/expand.hpp"
#include "runtime/config/overrides.hpp"
#include "runtime/config/parse.hpp"
#include "runtime/config/problems.hpp"
#include "runtime/plugin.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime {
namespace {

using namespace config;

/// The text as a tree, overrides set. Null if there is nothing to check further.
NodePtr tree_of(std::string_view text, const ConfigOptions& options, Problems& problems) {
  Budget budget;
  NodePtr root = parse(text, 0, options.environment, budget, problems);
  if (root && root->kind == Node::Kind::map)
    root =
        apply_overrides(std::move(root), options.overrides, options.environment, budget, problems);
  return root;
}

/// A plugin's file: relative to the config's folder, made absolute.
std::string plugin_file(const std::string& config_file, const std::string& plugin) {
  const std::filesystem::path relative = std::filesystem::path{parent_folder(config_file)} / plugin;
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(relative, failed);
  return (failed ? relative : absolute).lexically_normal().string();
}

ConfigResult result_of(const NodePtr& root, const std::string& file, const Registry& registry,
                       const ConfigOptions& options, Problems& problems) {
  ConfigResult result;
  if (root) {
    Checked checked = check(*root, registry, options.isolation_available, problems);
    std::vector<std::string> plugins;
    for (const Located& plugin : checked.plugins) plugins.push_back(plugin_file(file, plugin.text));
    result.config = expand(std::move(checked), problems);
    result.config.plugins = std::move(plugins);
  }
  result.problems = problems.sorted(file, options.overrides);
  return result;
}

void load_plugins(const Node& root, const std::string& file, Registry& registry,
                  Problems& problems) {
  for (const Located& plugin : plugins_of(root)) {
    const std::string path = plugin_file(file, plugin.text);
    if (has_plugin(path, registry)) continue;
    try {
      load_plugin(path, registry);
    } catch (const Error& error) {
      problems.add(plugin.mark, error.what());
    }
  }
}

}  // namespace

ConfigResult read_config(std::string_view text, const std::string& file, const Registry& registry,
                         const ConfigOptions& options) {
  Problems problems;
  const NodePtr root = tree_of(text, options, problems);
  return result_of(root, file, registry, options, problems);
}

ConfigResult read_config_file(const std::string& file, Registry& registry,
                              const ConfigOptions& options) {
  Problems problems;
  FileBytes bytes;
  try {
    bytes = posix_files().read(file, most_file_bytes);
  } catch (const Error& error) {
    problems.add({}, error.what());
    return {{}, problems.sorted(file, options.overrides)};
  }
  const auto text = bytes.span();
  const NodePtr root =
      tree_of({reinterpret_cast<const char*>(text.data()), text.size()}, options, problems);
  if (root) load_plugins(*root, file, registry, problems);
  return result_of(root, file, registry, options, problems);
}

}  // namespace troupe::runtime
