#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/no_actor.hpp"

namespace troupe::test {

using namespace runtime;

inline Registry example_registry() {
  Registry registry;
  registry.add({"counter",
                "Counts what it is told, and says how far it came when asked, which is all that it "
                "can do, and "
                "enough for an example.",
                {{.name = "start",
                  .type = ParameterType::integer,
                  .help = "Where it starts.",
                  .default_value = ParameterValue{std::int64_t{0}},
                  .minimum = 0,
                  .maximum = 100,
                  .belongs_to = BelongsTo::job}},
                no_actor});
  registry.add({"worker",
                "Works.",
                {{.name = "feed", .type = ParameterType::path, .help = "Who feeds it."},
                 {.name = "greeting",
                  .type = ParameterType::text,
                  .help = "What it says.",
                  .default_value = ParameterValue{std::string{"hi"}}}},
                no_actor});
  registry.add({"every_kind",
                "Has a parameter of each kind.",
                {{.name = "on",
                  .type = ParameterType::boolean,
                  .help = "",
                  .default_value = ParameterValue{false}},
                 {.name = "rate",
                  .type = ParameterType::number,
                  .help = "",
                  .default_value = ParameterValue{0.1},
                  .belongs_to = BelongsTo::job},
                 {.name = "every",
                  .type = ParameterType::duration,
                  .help = "How often.",
                  .default_value = ParameterValue{Duration{std::chrono::seconds{1}}},
                  .minimum = 0.5},
                 {.name = "room",
                  .type = ParameterType::size,
                  .help = "",
                  .default_value = ParameterValue{std::int64_t{1024}}},
                 {.name = "mode",
                  .type = ParameterType::text,
                  .help = "",
                  .default_value = ParameterValue{std::string{"fast"}},
                  .choices = {"fast", "exact"}},
                 {.name = "names",
                  .type = ParameterType::texts,
                  .help = "",
                  .default_value = ParameterValue{std::vector<std::string>{}}},
                 {.name = "weights",
                  .type = ParameterType::numbers,
                  .help = "",
                  .unit = "kg",
                  .default_value = ParameterValue{std::vector<double>{1, 2.5}}}},
                no_actor});
  return registry;
}

inline ConfigOptions options(std::vector<Override> overrides = {}) {
  ConfigOptions result;
  result.overrides = std::move(overrides);
  result.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "FIVE") return "5";
    if (name == "EMPTY") return "";
    if (name == "YAML") return "[a, b]: ${FIVE}";
    return std::nullopt;
  };
  return result;
}

inline ConfigResult read(const std::string& text, std::vector<Override> overrides = {}) {
  return read_config(text, "demo.yaml", example_registry(), options(std::move(overrides)));
}

/// Each on a line; a text, so that a failure shows it.
inline std::string problems(const ConfigResult& result) {
  std::string lines;
  for (const Problem& problem : result.problems) lines += to_string(problem) + "\n";
  return lines;
}

/// The full example of the reference.
inline std::string documented_example() {
  std::ifstream file{std::filesystem::path{__FILE__}.parent_path() / "../../../docs/config.md"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const std::string fence = "```yaml\n";
  const std::size_t start = text.find(fence);
  REQUIRE(start != std::string::npos);
  return text.substr(start + fence.size(), text.find("```\n", start + 3) - start - fence.size());
}

inline const ChildSpec& child(const SupervisorSpec& spec, std::string_view name) {
  const auto found = std::ranges::find(spec.children, name, &ChildSpec::name);
  REQUIRE(found != spec.children.end());
  return *found;
}

inline std::string actor(const std::string& more) {
  return "name: n\nactors:\n  - {name: a, type: counter}\n  - {name: b, " + more + "}\n";
}

}  // namespace troupe::test
