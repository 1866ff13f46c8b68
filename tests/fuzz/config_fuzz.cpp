#include "runtime/config/config.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/registry.hpp"
#include "tests/support/no_actor.hpp"

using namespace troupe::runtime;

namespace {

/// Finds fault at places that there are, and that there are not.
std::vector<ValueProblem> check_anything(const std::string& json) {
  if (json.find("fault") == std::string::npos) return {};
  return {{"", "a"}, {"/0/a~1b/x", "b"}, {"/fault/1", "c"}, {json.substr(0, 20), "d"}};
}

/// An actor that has a section as its structure, and as many of them as another says.
Expanded expand_anything(const Sections& sections, const Registry&) {
  Expanded result;
  const auto k = sections.find("k");
  const auto l = sections.find("l");
  result.actors = R"([{"name": "s", "type": "a", "with": {"m": )" +
                  (k != sections.end() ? k->second : "null") + R"(}, "replicas": )" +
                  (l != sections.end() ? l->second : "\"1\"") + "}]";
  result.places = {{"/0/with/m", "/k"}, {"/0/replicas", "/l"}};
  return result;
}

Registry make_registry() {
  Registry registry;
  registry.add({"a",
                "Has parameters of several types.",
                {{.name = "n",
                  .type = ParameterType::integer,
                  .help = "",
                  .default_value = ParameterValue{std::int64_t{0}},
                  .belongs_to = BelongsTo::job},
                 {.name = "t",
                  .type = ParameterType::texts,
                  .help = "",
                  .default_value = ParameterValue{std::vector<std::string>{}}},
                 {.name = "x",
                  .type = ParameterType::numbers,
                  .help = "",
                  .default_value = ParameterValue{std::vector<double>{}},
                  .belongs_to = BelongsTo::job},
                 {.name = "m",
                  .type = ParameterType::structure,
                  .help = "",
                  .default_value = ParameterValue{Structure{}},
                  .belongs_to = BelongsTo::job,
                  .check = check_anything}},
                troupe::test::no_actor});
  registry.add({"b",
                "Needs a path.",
                {{.name = "p", .type = ParameterType::path, .help = ""}},
                troupe::test::no_actor});
  registry.add_short_form({.help = "", .keys = {{"k", ""}, {"l", ""}}, .expand = expand_anything});
  return registry;
}

/// What explain() prints must be read as the same tree.
void round_trip(const NodeConfig& config, const Registry& registry, const ConfigOptions& options) {
  const std::string text = explain(config, registry);
  if (text.size() > 100'000) return;  // without aliases it may be beyond the limits
  const ConfigResult again = read_config(text, "fuzz.yaml", registry, options);
  if (!again.problems.empty() || explain(again.config, registry) != text ||
      job_fingerprint(again.config, registry) != job_fingerprint(config, registry))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Registry registry = make_registry();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  ConfigOptions options;
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "V") return "1";
    return std::nullopt;
  };
  ConfigResult result = read_config(text, "fuzz.yaml", registry, options);
  if (result.problems.empty()) round_trip(result.config, registry, options);
  options.overrides = {{"s.with.n", std::string{text.substr(0, 64)}},
                       {std::string{text.substr(0, 16)}, "1"},
                       {"k.a", std::string{text.substr(0, 64)}}};
  result = read_config(text, "fuzz.yaml", registry, options);
  for (const Problem& problem : result.problems) {
    if (problem.what.find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
