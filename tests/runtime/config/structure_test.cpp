#include "runtime/config/structure.hpp"

#include <random>

#include "tests/runtime/config/examples.hpp"

namespace troupe::runtime {

using namespace test;

namespace {

Registry shaped_registry(StructureCheck check = {}) {
  Registry registry;
  registry.add({"shaped",
                "Has structures.",
                {{.name = "model",
                  .type = ParameterType::structure,
                  .help = "What it is.",
                  .default_value = ParameterValue{Structure{}},
                  .belongs_to = BelongsTo::job,
                  .check = std::move(check)},
                 {.name = "more",
                  .type = ParameterType::structure,
                  .help = "",
                  .default_value = ParameterValue{Structure{R"({"a":["1",{}]})"}}}},
                no_actor});
  return registry;
}

ConfigResult read_shaped(const std::string& text, std::vector<Override> overrides = {},
                         StructureCheck check = {}) {
  return read_config(text, "demo.yaml", shaped_registry(std::move(check)),
                     options(std::move(overrides)));
}

std::string config_of(const std::string& model) {
  return "name: n\nactors:\n  - name: x\n    type: shaped\n    with:\n      model: " + model + "\n";
}

std::string model_of(const ConfigResult& result) {
  if (!result.problems.empty()) return problems(result);
  return result.config.root.children.at(0).parameters.structure("model");
}

/// A structure as an adversary would have it.
std::string random_json(std::mt19937& random, int levels) {
  static const std::vector<std::string> texts = {
      "relu",    "64",   "-3",    "1e-3",   "",     "null", "~",    "true",    "${x}",    "$${",
      "a b",     "a: b", "- x",   "#",      "[",    "}",    "? q",  "&a",      "*a",      "!t",
      "|",       ">",    "%",     "@",      "`",    "'",    "\\\"", "\\n",     "\\t\\r",  "\\u0000",
      "ü",       "…",    "x\\\\", " s",     "1:2",  "-",    "0x1",  "yes",     "<<",      "\\u0085",
      "\\u2028", "---",  "...",   "1.5GiB", "/a/b", "../c", "a,b",  "\\ufeff", "\\u007f", "$",
  };
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::size_t kind = levels == 0 ? pick(4) : pick(10);
  if (kind == 0) return "null";
  if (kind < 4) {
    std::string text = texts[pick(texts.size())];
    if (pick(8) == 0)
      for (int i = 0; i < 40; ++i) text += " " + texts[pick(texts.size())];
    return '"' + text + '"';
  }
  std::string json = kind < 7 ? "[" : "{";
  const std::size_t count = pick(5);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) json += ',';
    if (kind >= 7) json += '"' + texts[pick(texts.size())] + "\":";
    json += random_json(random, levels - 1);
  }
  return json + (kind < 7 ? ']' : '}');
}

}  // namespace

TEST_CASE("canonical_json: one line, keys in order of name, scalars as texts") {
  CHECK(canonical_json(R"( {"b": 1, "a": [true, null, 1.5, "x"]} )") ==
        R"({"a":["true",null,"1.5","x"],"b":"1"})");
  CHECK(canonical_json("3") == R"("3")");
  for (const std::string& text :
       {std::string{""}, std::string{"{"}, std::string{"\"\xff\""}, std::string("1\0", 2),
        std::string(65, '[') + std::string(65, ']')})
    CHECK_MESSAGE(!canonical_json(text), text);
  CHECK(canonical_json(std::string(64, '[') + std::string(64, ']')).has_value());
}

TEST_CASE("Structure: any YAML becomes canonical JSON") {
  CHECK(model_of(read_shaped(config_of("[{dense: {units: 10}}, relu]"))) ==
        R"([{"dense":{"units":"10"}},"relu"])");
  CHECK(model_of(read_shaped(config_of("{b: 0.10, a: , c: \"${FIVE}\", d: [~, true]}"))) ==
        R"({"a":null,"b":"0.10","c":"5","d":[null,"true"]})");
  CHECK(model_of(read_shaped(config_of("64"))) == R"("64")");
  CHECK(model_of(read_shaped(config_of(""))) == "null");
  const ConfigResult plain = read_shaped("name: n\nactors: [{name: x, type: shaped}]\n");
  CHECK(model_of(plain) == "null");
  CHECK(plain.config.root.children[0].parameters.structure("more") == R"({"a":["1",{}]})");
}

TEST_CASE("Structure: overrides set it, and what is in it") {
  const std::string text = config_of("{batch: 32, layers: [{dense: {units: 10}}, relu]}");
  CHECK(model_of(read_shaped(text, {{"x.with.model", "[a]"}})) == R"(["a"])");
  CHECK(model_of(read_shaped(text, {{"x.with.model.batch", "64"},
                                    {"x.with.model.rate.first", "0.1"},
                                    {"x.with.model.layers.0.dense.units", "7"},
                                    {"x.with.model.layers.1", "tanh"}})) ==
        R"({"batch":"64","layers":[{"dense":{"units":"7"}},"tanh"],"rate":{"first":"0.1"}})");
  CHECK(model_of(read_shaped(text, {{"x.with.model.layers.2", "a"}})) ==
        "--set x.with.model.layers.2=a: there is no item \"2\" in a list of 2\n");
  CHECK(model_of(read_shaped(text, {{"x.with.model.layers.last.a", "a"}})) ==
        "--set x.with.model.layers.last.a=a: there is no item last in a list of 2\n");
}

TEST_CASE("Structure: a check's problems are told where they are") {
  const std::string text = R"(name: n
actors:
  - name: x
    type: shaped
    with:
      model:
        layers:
          - dense:
              units: many
          - relu
        tr/ain: {batch: 0, ~1~0: 2}
)";
  const StructureCheck check = [](const std::string& json) -> std::vector<ValueProblem> {
    if (json == "null") return {};
    return {{"/layers/0/dense/units", "expected an integer, got many"},
            {"/layers/0/dense/bias", "needed"},
            {"/layers/1/x", "has no x"},
            {"/layers/7", "needed"},
            {"/tr~1ain/batch", "expected at least 1"},
            {"/tr~1ain/~01~00", "has no such thing"},
            {"/nowhere/at/all", "needed"},
            {"", "on the whole"}};
  };
  CHECK(problems(read_shaped(text, {}, check)) ==
        R"(demo.yaml:6:7: model/nowhere/at/all: needed
demo.yaml:6:7: model: on the whole
demo.yaml:7:9: model/layers/7: needed
demo.yaml:8:13: model/layers/0/dense/bias: needed
demo.yaml:9:22: model/layers/0/dense/units: expected an integer, got many
demo.yaml:10:13: model/layers/1/x: has no x
demo.yaml:11:25: model/tr~1ain/batch: expected at least 1
demo.yaml:11:34: model/tr~1ain/~01~00: has no such thing
)");
  CHECK(problems(read_shaped(text, {{"x.with.model.layers.1", "y"}}, check))
            .ends_with("--set x.with.model.layers.1=y: model/layers/1/x: has no x\n"));
}

TEST_CASE("Structure: its depth and its keys have limits, and a faulty value is told once") {
  const std::string deep = std::string(32, '[') + std::string(32, ']');
  CHECK(model_of(read_shaped(config_of(deep))) == deep);
  CHECK(model_of(read_shaped(config_of("[" + deep + "]"))) ==
        "demo.yaml:6:46: model: expected at most 32 levels of lists and maps\n");
  CHECK(model_of(read_shaped(config_of("{" + std::string(128, 'k') + ": 1}"))).size() > 128);
  CHECK(model_of(read_shaped(config_of("{" + std::string(129, 'k') + ": 1}")))
            .starts_with("demo.yaml:6:15: model: expected keys of at most 128 bytes"));
  CHECK(model_of(read_shaped(config_of("[\"${NOT_SET}\"]"))) ==
        "demo.yaml:6:15: the variable NOT_SET is not set and has no default, as in "
        "${NAME:-default}\n");
}

TEST_CASE("Structure: explain() prints it as YAML, short ones on a line") {
  const ConfigResult result = read_shaped(
      config_of("{train: {batch: 64, rate: 1e-3}, layers: [{convolution: {filters: 32, kernel: 3, "
                "padding: same, stride: 1}}, {dense: {units: 10}}, relu], name: \"\", none: }"));
  REQUIRE(problems(result) == "");
  const std::string text = explain(result.config, shaped_registry());
  INFO(text);
  CHECK(text.find(R"(    with:
      model:  # job
        layers:
          - convolution: {filters: 32, kernel: 3, padding: same, stride: 1}
          - dense: {units: 10}
          - relu
        name: ""
        none: null
        train: {batch: 64, rate: 1e-3}
      more: {a: [1, {}]}
    restart)") != std::string::npos);
}

TEST_CASE("Structure: what explain() prints reads back as the same, whatever it holds") {
  std::mt19937 random{1};
  const Registry registry = shaped_registry();
  for (int i = 0; i < 2000; ++i) {
    const auto json = canonical_json(random_json(random, static_cast<int>(random() % 6)));
    REQUIRE(json.has_value());
    NodeConfig config;
    config.name = "n";
    ChildSpec& spec = config.root.children.emplace_back();
    spec.name = "x";
    spec.type = "shaped";
    spec.parameters = Parameters{{{"model", Structure{*json}}, {"more", Structure{}}}};
    const std::string text = explain(config, registry);
    const ConfigResult again = read_shaped(text);
    REQUIRE_MESSAGE(model_of(again) == *json, text);
    CHECK(explain(again.config, registry) == text);
    CHECK(job_fingerprint(again.config, registry) == job_fingerprint(config, registry));
  }
}

TEST_CASE("Structure: the fingerprint follows what it holds, not how it is written") {
  const Registry registry = shaped_registry();
  const auto fingerprint = [&](const std::string& model) {
    return job_fingerprint(read_shaped(config_of(model)).config, registry);
  };
  const std::string job = fingerprint("{a: 1, b: [x, \"2\"]}");
  CHECK(fingerprint("{b: [\"x\", 2], 'a': '1'}") == job);
  CHECK(fingerprint("{a: 1, b: [\"2\", x]}") != job);
  CHECK(fingerprint("{a: 1.0, b: [x, 2]}") != job);
}

TEST_CASE(
    "Structure: a registry refuses a default that is not canonical or does not pass its check") {
  const auto refusal = [](ParameterSchema schema) -> std::string {
    Registry registry;
    try {
      registry.add({"t", "", {std::move(schema)}, no_actor});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  ParameterSchema schema{.name = "s", .type = ParameterType::structure, .help = ""};
  CHECK(refusal(schema) == "");
  schema.default_value = ParameterValue{Structure{"{ }"}};
  CHECK(refusal(schema) ==
        "actor type t: parameter s has a default that does not fit: expected canonical JSON, got "
        "\"{ }\"");
  schema.default_value = ParameterValue{Structure{"[]"}};
  schema.check = [](const std::string&) {
    return std::vector<ValueProblem>{{"/a", "no"}, {"", "never"}};
  };
  CHECK(refusal(schema) ==
        "actor type t: parameter s has a default that does not fit: /a: no; never");
  CHECK(refusal(
            {.name = "s", .type = ParameterType::text, .help = "", .check = [](const std::string&) {
               return std::vector<ValueProblem>{};
             }}) == "actor type t: parameter s has a check, but only a structure has one");
  CHECK(describe_types(shaped_registry()) ==
        R"(shaped (application): Has structures.
  model  structure, default null, job
         What it is.
  more   structure, default {"a":["1",{}]}, run
)");
}

}  // namespace troupe::runtime
