#include "runtime/plugin.hpp"

#include <cstdlib>
#include <filesystem>

#include "runtime/base/error.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/no_actor.hpp"
#include "tests/support/temporary_file.hpp"

namespace troupe::runtime {
namespace {

std::string plugin(const std::string& name) {
  const char* const folder = std::getenv("TROUPE_TEST_PLUGINS");
  return (folder != nullptr ? std::string{folder} : ".") + "/libplugin_" + name + ".so";
}

/// The refusal, after its "plugin FILE: "; the registry must be as it was.
std::string refusal(const std::string& file) {
  Registry registry;
  registry.add({"taken", "Help.", {}, test::no_actor});
  std::string line;
  try {
    load_plugin(file, registry);
  } catch (const Error& error) {
    line = error.what();
  }
  CHECK(registry.types().size() == 1);
  CHECK(line.find('\n') == std::string::npos);
  const std::string where = "plugin " + file + ": ";
  REQUIRE(line.starts_with(where));
  return line.substr(where.size());
}

}  // namespace

TEST_CASE("load_plugin: its types come with the file as their origin") {
  Registry registry;
  load_plugin(plugin("good"), registry);
  REQUIRE(registry.find("from_plugin") != nullptr);
  CHECK(registry.find("from_plugin")->origin == plugin("good"));
}

TEST_CASE("load_plugin: its short forms come along, and serve the config that names the plugin") {
  const test::TemporaryFile file{"plugged.yaml",
                                 "name: n\nplugins: [\"" + plugin("good") + "\"]\nplugged: {}\n"};
  Registry registry;
  const ConfigResult result = read_config_file(file.path(), registry, {});
  REQUIRE(result.problems == std::vector<Problem>{});
  REQUIRE(result.config.root.children.size() == 1);
  CHECK(result.config.root.children[0].type == "from_plugin");
  REQUIRE(registry.short_forms().size() == 1);
  CHECK(registry.short_forms()[0].origin ==
        std::filesystem::absolute(plugin("good")).lexically_normal());
  CHECK(read_config_file(file.path(), registry, {}).problems == std::vector<Problem>{});
}

TEST_CASE("load_plugin: what cannot be used is refused in one line, and registers nothing") {
  CHECK(refusal("/nonexistent/x.so") == "no such file");
  CHECK(refusal(plugin("wrong_abi")) == "expected plugin ABI 2, got 999");
  CHECK(refusal(plugin("wrong_version")) == "expected version 0.1.0, got 0.0.0-other");
  CHECK(refusal(plugin("no_entry")) == "is no plugin: it has no troupe_plugin()");
  CHECK(refusal(plugin("half")) == "actor type taken: the name is taken by a type of application");
}

}  // namespace troupe::runtime
