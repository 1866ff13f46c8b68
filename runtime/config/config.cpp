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
#include "runtime/config/short_forms.hpp"
#include "runtime/plugin.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime {
namespace {

using namespace config;

/// A plugin's file: relative to the config's folder, made absolute.
std::string plugin_file(const std::string& config_file, const std::string& plugin) {
  const std::filesystem::path relative = std::filesystem::path{parent_folder(config_file)} / plugin;
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(relative, failed);
  return (failed ? relative : absolute).lexically_normal().string();
}

/// Takes a text through the stages of reading.
class Reading {
 public:
  Reading(std::string_view text, const std::string& file, const ConfigOptions& options)
      : file_{file}, options_{options} {
    root_ = parse(text, 0, options.environment, budget_, problems_);
  }

  void load_plugins(Registry& registry);
  ConfigResult result(const Registry& registry);

 private:
  bool is_map() const { return root_ && root_->kind == Node::Kind::map; }
  ConfigResult checked(const Registry& registry);

  const std::string& file_;
  const ConfigOptions& options_;
  Budget budget_;
  Problems problems_;
  Overrides overrides_{options_.overrides, options_.environment, budget_, problems_};
  NodePtr root_;
};

void Reading::load_plugins(Registry& registry) {
  if (!is_map()) return;
  const auto is_plugins = [](const Node&, std::string_view path) { return path == "plugins"; };
  root_ = overrides_.apply(root_, is_plugins, registry);
  for (const Located& plugin : plugins_of(*root_)) {
    const std::string path = plugin_file(file_, plugin.text);
    if (has_plugin(path, registry)) continue;
    try {
      load_plugin(path, registry);
    } catch (const Error& error) {
      problems_.add(plugin.mark, error.what());
    }
  }
}

ConfigResult Reading::result(const Registry& registry) {
  if (is_map()) {
    const auto is_section = [&](const Node& root, std::string_view path) {
      return sets_section(root, registry, path);
    };
    root_ = overrides_.apply(root_, is_section, registry);
    root_ = expand_short_forms(root_, registry, problems_);
    const auto is_any = [](const Node&, std::string_view) { return true; };
    root_ = overrides_.apply(root_, is_any, registry);
  }
  return checked(registry);
}

ConfigResult Reading::checked(const Registry& registry) {
  ConfigResult result;
  if (root_) {
    Checked checked = check(*root_, registry, options_.isolation_available, problems_);
    std::vector<std::string> plugins;
    for (const Located& plugin : checked.plugins)
      plugins.push_back(plugin_file(file_, plugin.text));
    result.config = expand(std::move(checked), problems_);
    result.config.plugins = std::move(plugins);
  }
  result.problems = problems_.sorted(file_, options_.overrides);
  return result;
}

}  // namespace

ConfigResult read_config(std::string_view text, const std::string& file, const Registry& registry,
                         const ConfigOptions& options) {
  return Reading{text, file, options}.result(registry);
}

ConfigResult read_config_file(const std::string& file, Registry& registry,
                              const ConfigOptions& options) {
  FileBytes bytes;
  try {
    bytes = posix_files().read(file, most_file_bytes);
  } catch (const Error& error) {
    Problems problems;
    problems.add({}, error.what());
    return {{}, problems.sorted(file, options.overrides)};
  }
  const auto text = bytes.span();
  Reading reading{{reinterpret_cast<const char*>(text.data()), text.size()}, file, options};
  reading.load_plugins(registry);
  return reading.result(registry);
}

}  // namespace troupe::runtime
