#include <cstdio>
#include <string>
#include <vector>

#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/read_config.hpp"
#include "runtime/plugin.hpp"

namespace troupe::apps {

int types(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{words, {"--plugin"}, {"--markdown"}};
  arguments.expect(0, 0, "no more than --plugin FILE and --markdown");
  for (const std::string& file : arguments.all("--plugin"))
    runtime::load_plugin(file.find('/') == std::string::npos ? "./" + file : file, registry);
  const std::string text = arguments.has("--markdown") ? runtime::config_reference(registry)
                                                       : runtime::describe_types(registry);
  std::fputs(text.c_str(), stdout);
  return 0;
}

int check(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{words, {"--set"}, {}};
  arguments.expect(1, 1, "one config file");
  const runtime::ConfigResult result = read_config(arguments, registry);
  for (const runtime::Problem& problem : result.problems) std::puts(to_string(problem).c_str());
  return result.problems.empty() ? 0 : 1;
}

int explain(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{words, {"--set"}, {}};
  arguments.expect(1, 1, "one config file");
  const runtime::ConfigResult result = read_config(arguments, registry);
  if (print_problems(result)) return 1;
  std::fputs(runtime::explain(result.config, registry).c_str(), stdout);
  return 0;
}

}  // namespace troupe::apps
