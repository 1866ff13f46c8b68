#include "runtime/config/short_forms.hpp"

#include "runtime/base/error.hpp"
#include "tests/runtime/config/examples.hpp"

namespace troupe::runtime {

using namespace test;

namespace {

/// `shop: {start: 3, more: …}` is a counter, and `crew: {size: 2}` workers that it feeds, in a supervisor.
Expanded expand_shop(const Sections& sections, const Registry&) {
  Expanded result;
  std::string entries;
  if (sections.contains("shop")) {
    const std::string& json = sections.at("shop");
    if (json.find("bad") != std::string::npos)
      result.problems = {{"/shop/bad", "there is no such thing"}, {"/shop/none", "needed"}};
    entries += R"({"name": "shaped", "type": "shaped", "with": {"model": )" + json + "}},";
    result.places["/0/actors/0/with/model"] = "/shop";
  }
  const std::string at = sections.contains("shop") ? "1" : "0";
  entries += R"({"name": "crew", "type": "worker", "replicas": )";
  entries += sections.contains("crew") ? sections.at("crew") : std::string{"1"};
  entries += R"(, "with": {"feed": "/store"}})";
  result.places["/0/actors/" + at + "/replicas"] = "/crew";
  result.actors =
      R"([{"name": "made", "supervisor": {"intensity": 9}, "actors": [)" + entries + "]}]";
  return result;
}

Registry shop_registry() {
  Registry registry = example_registry();
  registry.add({"shaped",
                "Has a structure.",
                {{.name = "model",
                  .type = ParameterType::structure,
                  .help = "",
                  .check = [](const std::string& json) -> std::vector<ValueProblem> {
                    if (json.find("start") != std::string::npos) return {};
                    return {{"/start", "expected an integer, got nothing"}};
                  }}},
                no_actor});
  registry.add_short_form({.help = "A shop.",
                           .keys = {{"shop", "What it sells."}, {"crew", "How many there are."}},
                           .expand = expand_shop});
  return registry;
}

ConfigResult read_shop(const std::string& text, std::vector<Override> overrides = {}) {
  return read_config(text, "demo.yaml", shop_registry(), options(std::move(overrides)));
}

const std::string shop =
    "name: n\nshop: {start: 3}\ncrew: 2\nactors: [{name: store, type: counter}]\n";

const SupervisorSpec& made(const ConfigResult& result) {
  REQUIRE(problems(result) == "");
  return *child(result.config.root, "made").supervisor;
}

}  // namespace

TEST_CASE("Short form: sections stand for entries, beside those of the file") {
  const ConfigResult result = read_shop(shop);
  CHECK(made(result).intensity == 9);
  CHECK(child(made(result), "shaped").parameters.structure("model") == R"({"start":"3"})");
  const ChildSpec& crew = child(made(result), "crew");
  CHECK(crew.supervisor->children.size() == 2);
  CHECK(crew.supervisor->children[0].parameters.text("feed") == "/store");
  CHECK(result.config.root.children.size() == 2);
  CHECK(problems(read_shop("name: n\ncrew: 0\nactors: [{name: store, type: counter}]\n")) == "");
  CHECK(problems(read_shop("name: n\nactors: []\n")) == "");
}

TEST_CASE("Short form: explain() prints plain entries, which read back as the same tree") {
  const Registry registry = shop_registry();
  const ConfigResult first = read_shop(shop);
  const std::string text = explain(first.config, registry);
  CHECK(text.find("shop") == std::string::npos);
  const ConfigResult second = read_shop(text);
  CHECK(problems(second) == "");
  CHECK(explain(second.config, registry) == text);
  CHECK(job_fingerprint(first.config, registry) == job_fingerprint(second.config, registry));
}

TEST_CASE("Short form: an entry of the same path completes what a section made") {
  const std::string text = R"(name: n
shop: {start: 3}
actors:
  - {name: store, type: counter}
  - name: made
    supervisor: {period: 7s}
    actors:
      - {name: crew, replicas: 4, with: {greeting: hello}, restart: temporary}
      - {name: guest, type: worker, with: {feed: shaped}, after: [crew]}
)";
  const ConfigResult result = read_shop(text);
  CHECK(made(result).intensity == 9);
  CHECK(made(result).period == std::chrono::seconds{7});
  const ChildSpec& crew = child(made(result), "crew");
  CHECK(crew.supervisor->children.size() == 4);
  CHECK(crew.supervisor->children[3].restart == Restart::temporary);
  CHECK(crew.supervisor->children[3].parameters.text("greeting") == "hello");
  CHECK(crew.supervisor->children[3].parameters.text("feed") == "/store");
  CHECK(made(result).children.back().name == "guest");
  CHECK(made(result).children.back().parameters.text("feed") == "/made/shaped");
}

TEST_CASE("Short form: overrides set sections, and what the sections made") {
  const ConfigResult result = read_shop(shop, {{"shop.start", "4"},
                                               {"made.crew.with.greeting", "hey"},
                                               {"crew", "3"},
                                               {"made.intensity", "1"}});
  CHECK(made(result).intensity == 1);
  CHECK(child(made(result), "shaped").parameters.structure("model") == R"({"start":"4"})");
  CHECK(child(made(result), "crew").supervisor->children.size() == 3);
  CHECK(child(made(result), "crew").supervisor->children[2].parameters.text("greeting") == "hey");
  CHECK(problems(read_shop(shop, {{"crow.x", "4"}})) ==
        "--set crow.x=4: there is no actor and no key crow; did you mean 'crew'?\n");
  // Where no section is used, an actor may have its name.
  const std::string plain = "name: n\nactors: [{name: shop, type: counter}]\n";
  const ConfigResult actor = read_shop(plain, {{"shop.with.start", "4"}});
  CHECK(problems(actor) == "");
  CHECK(child(actor.config.root, "shop").parameters.integer("start") == 4);
}

TEST_CASE("Short form: problems are told where the section says it") {
  CHECK(problems(read_shop(R"(name: n
shop:
  strat: 3
  bad:
    - ${NOT_SET}
crew: many
actors:
  - {name: store, type: counter}
)")) == R"(demo.yaml:2:1: shop/none: needed
demo.yaml:4:3: shop/bad: there is no such thing
demo.yaml:5:7: the variable NOT_SET is not set and has no default, as in ${NAME:-default}
demo.yaml:6:7: replicas: expected an integer, got many
)");
  CHECK(problems(read_shop(R"(name: n
shop:
  strat: 3
crew: 1
actors: [{name: store, type: counter}]
)")) == "demo.yaml:2:1: model/start: expected an integer, got nothing\n");
  CHECK(problems(read_shop("name: n\nshoop: {}\nactors: []\n")) ==
        "demo.yaml:2:1: config: unknown key shoop; did you mean 'shop'?\n");
  CHECK(problems(read_shop(shop, {{"crew", "many"}})) ==
        "--set crew=many: replicas: expected an integer, got many\n");
  // What is wrong with an entry as such is told at the first of its sections.
  CHECK(problems(read_shop("name: n\nshop: {start: 1}\ncrew: 1\n")) ==
        "demo.yaml:2:1: feed: there is no actor /store\n");
}

TEST_CASE("Short form: a registry refuses keys that are taken") {
  Registry registry = shop_registry();
  const auto refusal = [&](std::vector<ShortForm::Key> keys) -> std::string {
    try {
      registry.add_short_form({.help = "", .keys = std::move(keys), .expand = expand_shop});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal({{"shop", ""}}) == "short form: the key shop is taken");
  CHECK(refusal({{"actors", ""}}) == "short form: the key actors is taken");
  CHECK(refusal({{"a", ""}, {"a", ""}}) == "short form: the key a is taken");
  CHECK(refusal({}) == "short form: expected keys and a function, got none");
  CHECK(registry.short_forms().size() == 1);
}

TEST_CASE("config_reference: tables of sections and parameters") {
  Registry registry;
  CHECK(config_reference(registry) == "");
  registry.add({"plain", "Does nothing.", {}, no_actor});
  registry.add({"t",
                "Does it.",
                {{.name = "mode",
                  .type = ParameterType::text,
                  .help = "How.",
                  .default_value = ParameterValue{std::string{"a"}},
                  .choices = {"a", "b"},
                  .belongs_to = BelongsTo::job},
                 {.name = "room", .type = ParameterType::size, .help = "", .minimum = 1}},
                no_actor});
  registry.add_short_form({.help = "A shop.", .keys = {{"shop", "It."}}, .expand = expand_shop});
  CHECK(config_reference(registry) == R"(### Sections (application)

A shop.

| section | what it says |
| --- | --- |
| `shop` | It. |

### `plain` (application)

Does nothing.

### `t` (application)

Does it.

| parameter | type | default | of the | meaning |
| --- | --- | --- | --- | --- |
| `mode` | text, one of a \| b | `a` | job | How. |
| `room` | size, at least 1 | required | run | |
)");
}

TEST_CASE("describe_types: sections come first") {
  Registry registry;
  registry.add({"plain", "Does nothing.", {}, no_actor});
  registry.add_short_form({.help = "A shop.",
                           .keys = {{"shop", "What it sells."}, {"crew_", "Who works there."}},
                           .expand = expand_shop});
  CHECK(describe_types(registry) == R"(short form (application): A shop.
  shop   What it sells.
  crew_  Who works there.

plain (application): Does nothing.
)");
}

}  // namespace troupe::runtime
