#include "apps/troupe/read_config.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"

namespace troupe::apps {

runtime::ConfigResult read_config(const Arguments& arguments, runtime::Registry& registry) {
  runtime::ConfigOptions options;
  for (const std::string& text : arguments.all("--set")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error{
          ErrorCode::bad_input,
          "--set " + text + ": expected a path of names, '=' and a value, as in train.replicas=4"};
    options.overrides.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  options.isolation_available = registry.isolates();
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    const char* const value = std::getenv(std::string{name}.c_str());
    if (!value) return {};
    return value;
  };
  return runtime::read_config_file(arguments.rest().front(), registry, options);
}

bool print_problems(const runtime::ConfigResult& result) {
  for (const runtime::Problem& problem : result.problems)
    std::fprintf(stderr, "%s\n", to_string(problem).c_str());
  return !result.problems.empty();
}

}  // namespace troupe::apps
