#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "actors/coordinator/saved_version.hpp"
#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/read_config.hpp"
#include "apps/troupe/run_config.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/registry.hpp"

namespace troupe::apps {

/// A config with a `deploy` section alone; JSON is YAML.
int serve(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{words,
                            {"--listen", "--replicas", "--model", "--token", "--name", "--trace",
                             "--control", "--log-level", "--log-format", "--threads", "--runs"},
                            {"--json"}};
  arguments.expect(1, 1, "a checkpoint or a run folder");
  const std::string path = std::filesystem::absolute(arguments.rest().front()).string();
  const actors::SavedVersion saved = actors::find_saved_version(posix_files(), path);
  if (saved.gate_passed == false)
    std::fprintf(stderr, "troupe serve: its gate was not passed: %s\n", saved.gate.c_str());

  const std::string model = arguments.find("--model").value_or("model");
  nlohmann::json deploy = {{"checkpoint", saved.checkpoint}, {"model", model}};
  for (const char* key : {"listen", "replicas", "token"})
    if (const auto given = arguments.find(std::string{"--"} + key)) deploy[key] = *given;
  const nlohmann::json config = {{"name", arguments.find("--name").value_or(model)},
                                 {"deploy", deploy}};
  runtime::ConfigResult result = runtime::read_config(config.dump(), "serve", registry, {});
  if (print_problems(result)) return 2;
  return run_config("serve", arguments, std::move(result.config), "serve", registry);
}

}  // namespace troupe::apps
