#include "runtime/config/config.hpp"

#include "tests/runtime/config/examples.hpp"
#include "tests/support/temporary_file.hpp"

namespace troupe::runtime {

using namespace test;

TEST_CASE("Config: the documented example is read as documented") {
  const ConfigResult result = read(documented_example());
  CHECK(problems(result) == "");
  const NodeConfig& config = result.config;
  CHECK(config.name == "demo");
  REQUIRE(config.plugins.size() == 1);
  CHECK(config.plugins[0] == (std::filesystem::current_path() / "libmine.so").string());
  CHECK(config.root.backoff.first == std::chrono::milliseconds{10});
  CHECK(child(config.root, "store").parameters.integer("start") == 5);
  const ChildSpec& workers = child(config.root, "workers");
  REQUIRE(workers.supervisor);
  REQUIRE(workers.supervisor->children.size() == 3);
  CHECK(workers.supervisor->children[2].name == "2");
  CHECK(workers.supervisor->children[2].parameters.text("feed") == "/store");
  CHECK(workers.supervisor->children[2].parameters.text("greeting") == "hello");
  CHECK(workers.start_within == std::chrono::seconds{90});
  CHECK(workers.stop_within == std::chrono::seconds{16});
  REQUIRE(config.groups.size() == 1);
  CHECK(config.groups.at("/workers").name == "3");
  const ChildSpec& train = child(config.root, "train");
  CHECK(train.supervisor->strategy == Strategy::rest_for_one);
  CHECK(train.supervisor->intensity == 5);
  CHECK(child(*train.supervisor, "first").parameters.text("feed") == "/store");
  CHECK(child(*train.supervisor, "second").parameters.text("feed") == "/workers/0");
}

TEST_CASE("Config: all problems are told at once, by position") {
  const std::string text = R"(name: de mo
stratgey: one_for_one
intensity: -1
period: 5
backoff: {first: 10ms, factor: 0.5, jitter: nan}
intensity: 4
actors:
  - name: store
    type: countr
  - name: store
    type: counter
  - name: ..
    type: counter
  - name: c
    type: counter
    with: {start: 0x10, strat: 1}
    restart: always
    isolation: process
    after: [d]
  - name: d
    type: counter
    with: {start: 101}
    after: [c, stor]
  - name: w
    type: worker
  - name: v
    type: worker
    replicas: many
    with: {feed: ../c}
    stop_within: 2d
  - name: s
    supervisor: {strategy: best}
    type: counter
    actors:
      - {name: x, type: worker, with: {feed: ../sotre}}
      - {name: e, type: every_kind, with: {mode: slow, on: yes, names: a}}
      - 7
      - {type: counter}
      - {name: f}
  - name: r
    supervisor: {}
    start_within: ${NOT_SET}
)";
  ConfigOptions without_processes = options({{"store.start", "1"}, {"c.with.start", "x"}});
  without_processes.isolation_available = false;
  const ConfigResult result = read_config(text, "demo.yaml", example_registry(), without_processes);
  CHECK(problems(result) ==
        R"(demo.yaml:1:7: name: expected 1 to 64 letters, digits, '_', '-' and '.', got "de mo"
demo.yaml:2:1: config: unknown key stratgey; did you mean 'strategy'?
demo.yaml:3:12: intensity: expected 0 to 10000, got -1
demo.yaml:4:9: period: expected a duration such as 250ms, 5s, 2m or 1.5h, got "5"
demo.yaml:5:32: factor: expected 1 to 1000, got 0.5
demo.yaml:5:45: jitter: expected a number, got nan
demo.yaml:6:1: the key intensity is there already
demo.yaml:9:11: type: there is no actor type countr; did you mean 'counter'?
demo.yaml:10:11: name: store is the name of another one beside it, at line 8
demo.yaml:12:11: name: expected 1 to 64 letters, digits, '_', '-' and '.', got ".."
demo.yaml:16:25: with: unknown key strat; did you mean 'start'?
demo.yaml:17:14: restart: expected one of permanent, transient, temporary, got always
demo.yaml:18:16: isolation: 'process' is not available: main must call runtime::worker_main first
demo.yaml:19:13: after: a cycle, c after d after c
demo.yaml:22:19: start: expected 0 to 100, got 101
demo.yaml:23:16: after: there is no stor beside it; did you mean 'store'?
demo.yaml:24:5: type worker needs the parameter 'feed', the path of an actor
demo.yaml:28:15: replicas: expected an integer, got many
demo.yaml:29:18: feed: ../c leads out of the tree
demo.yaml:30:18: stop_within: expected a duration such as 250ms, 5s, 2m or 1.5h, got "2d"
demo.yaml:32:28: strategy: expected one of one_for_one, one_for_all, rest_for_one, got best
demo.yaml:33:5: supervisor: unknown key type
demo.yaml:35:46: feed: there is no actor /sotre; did you mean 'store'?
demo.yaml:36:50: mode: expected one of fast, exact, got slow
demo.yaml:36:60: on: expected true or false, got yes
demo.yaml:36:72: names: expected a list of texts, got a
demo.yaml:37:9: actors: expected a map with a name and a type, got "7"
demo.yaml:38:9: expected a name, got none
demo.yaml:39:9: expected a type, or actors, got neither
demo.yaml:40:5: a supervisor needs 'actors', a list
demo.yaml:42:19: the variable NOT_SET is not set and has no default, as in ${NAME:-default}
--set store.start=1: there is no actor and no key start; did you mean 'restart'?
--set c.with.start=x: start: expected an integer, got x
)");
}

TEST_CASE("Config: broken YAML is told with its position") {
  CHECK(problems(read("name: [a")) == "demo.yaml:1:7: YAML: end of sequence flow not found\n");
  CHECK(problems(read("name: a\n\tb: c\n")) ==
        "demo.yaml:2:1: YAML: illegal tab when looking for indentation\n");
  CHECK(problems(read("name: *b\n")) ==
        "demo.yaml:1:7: YAML: the referenced anchor is not defined\n");
  CHECK(problems(read("name: &b [*b]\n")) ==
        "demo.yaml:1:11: the alias stands inside of what it names\n");
  CHECK(problems(read("")) ==
        "demo.yaml:1:1: expected a map with a name and actors, got nothing\n");
  CHECK(problems(read("name: a\nactors: []\n---\nname: b\n")) ==
        "demo.yaml:3:1: expected one YAML document, got a second one\n");
  CHECK(problems(read("name: a\nactors: []\nb: \x01\n")) ==
        "demo.yaml:3:4: expected text, got a control byte\n");
  CHECK(problems(read("name: \xff\n")) == "demo.yaml: expected UTF-8\n");
  CHECK(problems(read("name: !!str n\n? [a]\n: b\nactors: []\n")) ==
        R"(demo.yaml:1:7: tags have no meaning here, got "tag:yaml.org,2002:str"
demo.yaml:2:3: expected a text as the key, got a list
)");
}

TEST_CASE("Config: siblings start after those that they name, else as written") {
  const ConfigResult result = read(R"(name: n
actors:
  - {name: a, type: counter, after: [c]}
  - {name: b, type: counter}
  - {name: c, type: counter, after: [d]}
  - {name: d, type: counter}
)");
  CHECK(problems(result) == "");
  std::string order;
  for (const ChildSpec& spec : result.config.root.children) order += spec.name;
  CHECK(order == "bdca");
}

TEST_CASE("Config: each cycle is told with its members") {
  CHECK(problems(read(R"(name: n
actors:
  - {name: a, type: counter, after: [b]}
  - {name: b, type: counter, after: [c]}
  - {name: c, type: counter, after: [b]}
  - {name: d, type: counter, after: [d]}
)")) == R"(demo.yaml:4:38: after: a cycle, b after c after b
demo.yaml:6:38: after: a cycle, d after d
)");
}

TEST_CASE("Config: variables are replaced in values, and never read as YAML") {
  const auto greeting = [](const std::string& text) {
    const ConfigResult result =
        read(actor("type: worker, with: {feed: a, greeting: \"" + text + "\"}"));
    CHECK(problems(result) == "");
    return child(result.config.root, "b").parameters.text("greeting");
  };
  CHECK(greeting("<${FIVE}>") == "<5>");
  CHECK(greeting("${EMPTY}") == "");
  CHECK(greeting("${EMPTY:-x}${NOT_SET:-y}${FIVE:-z}") == "xy5");
  CHECK(greeting("${EMPTY:-${NOT_SET:-a${FIVE}}/b}c") == "a5/bc");
  CHECK(greeting("${FIVE:-${NOT_SET}}") == "5");
  CHECK(greeting("${YAML}") == "[a, b]: ${FIVE}");
  CHECK(greeting("$${FIVE} $$${FIVE} $5 $") == "${FIVE} $${FIVE} $5 $");
  CHECK(child(read(actor("type: counter, with: {start: \"${FIVE}\"}")).config.root, "b")
            .parameters.integer("start") == 5);
  CHECK(problems(read(actor("type: counter, with: {start: \"${5}\"}"))) ==
        "demo.yaml:4:44: expected a variable's name within ${ }, got \"5\"\n");
  CHECK(problems(read(actor("type: counter, with: {start: \"${FIVE\"}"))) ==
        "demo.yaml:4:44: expected } after ${; a literal ${ is written $${\n");
  std::string deep = "x";
  for (int i = 0; i < 100; ++i) deep = "${NOT_SET:-" + deep + "}";
  CHECK(problems(read(actor("type: counter, with: {start: \"" + deep + "\"}")))
            .find("at most 8 deep") != std::string::npos);
}

TEST_CASE("Config: overrides set keys by the names of actors") {
  const std::string text = R"(name: n
actors:
  - {name: store, type: counter}
  - {name: store.two, type: counter}
  - {name: workers, type: worker, with: &with {feed: store}}
  - {name: others, type: worker, with: *with}
  - name: train
    actors:
      - {name: x, type: counter}
)";
  const ConfigResult result = read(text, {{"workers.replicas", "4"},
                                          {"store.with.start", "7"},
                                          {"store.two.with.start", "8"},
                                          {"train.intensity", "9"},
                                          {"train.x.with", "{start: 3}"},
                                          {"intensity", "0"},
                                          {"workers.with.greeting", "\"\""},
                                          {"backoff.first", "1s"},
                                          {"store.with.start", "6"},
                                          {"train.after", "[workers]"}});
  CHECK(problems(result) == "");
  const SupervisorSpec& root = result.config.root;
  CHECK(root.intensity == 0);
  CHECK(root.backoff.first == std::chrono::seconds{1});
  CHECK(child(root, "store").parameters.integer("start") == 6);
  CHECK(child(root, "store.two").parameters.integer("start") == 8);
  CHECK(child(root, "workers").supervisor->children.size() == 4);
  CHECK(result.config.groups.at("/workers").parameters.text("greeting") == "");
  CHECK(child(root, "others").parameters.text("greeting") == "hi");
  CHECK(child(root, "train").supervisor->intensity == 9);
  CHECK(child(*child(root, "train").supervisor, "x").parameters.integer("start") == 3);
  CHECK(problems(read(text, {{"stor.with.start", "7"},
                             {"", "1"},
                             {"store.", "1"},
                             {"store.with.start", "[1"},
                             {"train.x.wiht.start", "1"},
                             {"store.with.start", "1.5"}})) ==
        R"(--set stor.with.start=7: there is no actor and no key stor; did you mean 'store'?
--set =1: expected names of actors, then keys, with '.' between
--set store.=1: expected names of actors, then keys, with '.' between
--set store.with.start=[1: YAML: end of sequence flow not found
--set train.x.wiht.start=1: there is no actor and no key wiht; did you mean 'with'?
--set store.with.start=1.5: start: expected an integer, got "1.5"
)");
}

TEST_CASE("Config: depth, size and number have limits") {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(read(nested(63)).problems.size() == 3);  // an unknown key; no name, no actors
  CHECK(problems(read(nested(64))) == "demo.yaml:1:67: expected at most 64 levels of nesting\n");
  CHECK(problems(read(nested(100'000))) ==
        "demo.yaml:1:67: expected at most 64 levels of nesting\n");
  std::string blocks;
  for (std::size_t i = 0; i < 5000; ++i) blocks += "- ";
  CHECK(read(blocks).problems.size() == 1);
  CHECK(problems(read(std::string((std::size_t{4} << 20) + 1, '#'))) ==
        "demo.yaml: expected at most 4 MiB, got 4194305 bytes\n");
  CHECK(problems(read(std::string(400'001, ','))) ==
        "demo.yaml:1:400001: expected at most 400000 of the characters []{},?:&*!|>%\n");
  CHECK(problems(read(actor("type: counter, replicas: 9999"))) ==
        "demo.yaml:4:5: expected at most 10000 actors in all, supervisors and replicas counted\n");
  CHECK(problems(read(actor("type: counter, replicas: 9998"))) == "");
  CHECK(problems(read(actor("type: worker, replicas: 5000, with: {feed: a, greeting: " +
                            std::string(20'000, 'x') + "}"))) ==
        "demo.yaml:4:5: expected at most 64 MiB of parameters, those of each replica counted\n");
  std::string many = "name: n\n";
  for (int i = 0; i < 50'001; ++i) many += "k" + std::to_string(i) + ": 1\n";
  CHECK(read(many).problems.size() == 1);
  std::string faults = "name: n\nactors:\n";
  for (int i = 0; i < 150; ++i) faults += "- 7\n";
  const ConfigResult result = read(faults);
  REQUIRE(result.problems.size() == 101);
  CHECK(to_string(result.problems.back()) == "demo.yaml: and 50 more problems");
}

TEST_CASE("Config: aliases count as the copies that they stand for") {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last +
            ", " + last + "]\n";
  }
  CHECK(problems(read(bomb)) ==
        "demo.yaml:11:12: expected at most 100000 keys, values and lists, those that aliases name "
        "counted each time\n");
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i)
    chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
             "]\n";
  CHECK(problems(read(chain)) == "demo.yaml:63:12: expected at most 64 levels of nesting\n");
  std::string texts = "a: &a " + std::string(std::size_t{1} << 20, 'x') + "\n";
  for (int i = 0; i < 16; ++i) texts += "b" + std::to_string(i) + ": *a\n";
  CHECK(problems(read(texts)) ==
        "demo.yaml:16:6: expected at most 16 MiB of text, that which aliases name counted each "
        "time\n");
}

TEST_CASE("Config: how a group's members are restarted is said beside their number") {
  const ConfigResult result = read(actor(
      "type: counter, replicas: 2, group: {intensity: 9, period: 2m, strategy: rest_for_one}"));
  CHECK(problems(result) == "");
  const SupervisorSpec& group = *child(result.config.root, "b").supervisor;
  CHECK(group.children.size() == 2);
  CHECK(group.intensity == 9);
  CHECK(group.period == std::chrono::minutes{2});
  CHECK(group.strategy == Strategy::rest_for_one);
  CHECK(problems(read(actor("type: counter, group: {intensity: 9}"))) ==
        "demo.yaml:4:30: group: expected 'replicas' beside it, got none\n");
  CHECK(problems(read(actor("type: counter, replicas: 2, group: {intensity: -1, what: 3}"))) != "");
}

TEST_CASE("Config: damaged bytes are problems, never a crash") {
  const std::string whole = documented_example();
  std::mt19937 random{4};
  const std::string bytes = "[]{}:,-&*!|>'\"%@`#?\n\t \\$a0.\x7f\xc3";
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = whole;
    for (std::size_t i = 0; i < 1 + random() % 4; ++i) {
      const std::size_t at = random() % damaged.size();
      switch (random() % 3) {
        case 0:
          damaged[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          damaged.insert(at, 1, bytes[random() % bytes.size()]);
          break;
        default:
          damaged.erase(at, 1 + random() % 8);
      }
    }
    const ConfigResult result = read(damaged);
    if (result.problems.empty()) explain(result.config, example_registry());
  }
}

TEST_CASE("Config: a file is read with its plugins, from its own folder") {
  Registry registry = example_registry();
  CHECK(read_config_file("absent.yaml", registry, {}).problems.size() == 1);
  const test::TemporaryFile file{
      "config_test.yaml", "name: n\nplugins: [./absent.so]\nactors:\n  - {name: a, type: b}\n"};
  const ConfigResult result = read_config_file(file.path(), registry, {});
  REQUIRE(result.problems.size() == 2);
  CHECK(result.problems[0].line == 2);
  CHECK(result.problems[0].what ==
        "plugin " + (std::filesystem::current_path() / "absent.so").string() + ": no such file");
  CHECK(result.problems[1].line == 4);
}

}  // namespace troupe::runtime
