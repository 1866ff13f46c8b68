#include "actors/pipeline/short_form.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "actors/job/spec_reader.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/no_actor.hpp"

namespace troupe::actors {
namespace {

using namespace runtime;

ParameterSchema path(std::string name) {
  return {.name = std::move(name), .type = ParameterType::path, .help = "Whom it asks."};
}

ParameterSchema text(std::string name, std::string otherwise) {
  return {.name = std::move(name),
          .type = ParameterType::text,
          .help = "",
          .default_value = ParameterValue{std::move(otherwise)}};
}

std::int64_t read_train(SpecReader& train) {
  const std::int64_t batch = train.integer("batch", 128, 1, 4096);
  train.integer("shards", 16, 1, 256);
  train.named("optimizer");
  train.text("device", "cpu");
  train.finish();
  return batch;
}

void read_evaluate(SpecReader& evaluate) {
  evaluate.texts("metrics");
  if (!evaluate.is_map()) evaluate.problem("expected a map");
}

/// Stand-ins for the roles.
Registry pipeline_registry(std::uint32_t gpus = 0) {
  Registry registry;
  std::vector<ParameterSchema> coordinator =
      section_parameters({{"train", read_train}, {"evaluate", read_evaluate}});
  coordinator.push_back(text("folder", "runs"));
  registry.add({"coordinator", "", std::move(coordinator), test::no_actor});
  registry.add({"loader", "", {path("coordinator"), text("ahead", "4")}, test::no_actor});
  registry.add({"aggregator", "", {path("coordinator")}, test::no_actor});
  registry.add({"checkpointer", "", {path("coordinator"), text("folder", "runs")}, test::no_actor});
  ParameterSchema batch = text("batch", "");
  batch.belongs_to = BelongsTo::job;  // so it stays in the section
  registry.add(
      {"trainer", "", {path("coordinator"), text("feed", ""), std::move(batch)}, test::no_actor});
  registry.add({"evaluator", "", {path("coordinator")}, test::no_actor});
  registry.add({"publisher", "", {text("checkpoint", "")}, test::no_actor});
  registry.add({"replica", "", {text("threads", "1")}, test::no_actor});
  registry.add({"deployer", "", {text("listen", "127.0.0.1:0")}, test::no_actor});
  registry.add({"feedback", "", {text("store", "feedback.db")}, test::no_actor});
  registry.add({"augmenter", "", {path("source")}, test::no_actor});
  registry.add_short_form(pipeline_short_form(4, {}, gpus));
  return registry;
}

ConfigResult read(const std::string& text, std::vector<Override> overrides = {},
                  std::uint32_t gpus = 0) {
  ConfigOptions options;
  options.overrides = std::move(overrides);
  return read_config(text, "job.yaml", pipeline_registry(gpus), options);
}

std::string problems(const ConfigResult& result) {
  std::string lines;
  for (const Problem& problem : result.problems) lines += to_string(problem) + "\n";
  return lines;
}

const ChildSpec& child(const SupervisorSpec& spec, std::string_view name) {
  const auto found = std::ranges::find(spec.children, name, &ChildSpec::name);
  REQUIRE_MESSAGE(found != spec.children.end(), std::string{name});
  return *found;
}

/// An entry of a supervisor at the root; of a group what each of it is.
const ChildSpec& entry(const ConfigResult& result, std::string_view supervisor,
                       std::string_view name) {
  REQUIRE(problems(result) == "");
  const ChildSpec& found = child(*child(result.config.root, supervisor).supervisor, name);
  return found.supervisor ? *found.supervisor->replica : found;
}

std::size_t replicas(const ConfigResult& result, std::string_view supervisor,
                     std::string_view name) {
  REQUIRE(problems(result) == "");
  return child(*child(result.config.root, supervisor).supervisor, name).supervisor->children.size();
}

const std::string job = R"(name: mnist
seed: 7
data: {mnist: {folder: data}, loaders: 2, ahead: 8}
preprocess: [scale]
model:
  - convolution: {filters: 32}
  - dense: {units: 10}
train:
  batch: 64
  optimizer: {sgd: {rate: 0.1}}
  folder: out
evaluate: {metrics: [accuracy], replicas: 3}
)";
const std::string serving = "deploy: {replicas: 2, listen: \"127.0.0.1:80\", gate: 0.9}\n";
const std::string feedback = "feedback: {store: f.db, retrain: {after: 100}}\n";

}  // namespace

TEST_CASE("Pipeline: the sections become the job's actors") {
  const ConfigResult result = read(job);
  const SupervisorSpec& root = result.config.root;
  REQUIRE(problems(result) == "");
  REQUIRE(root.children.size() == 1);
  const SupervisorSpec& supervisor = *child(root, "job").supervisor;
  CHECK(supervisor.strategy == Strategy::one_for_one);
  CHECK(supervisor.intensity == 100);
  CHECK(supervisor.period == std::chrono::minutes{1});
  std::string order;
  for (const ChildSpec& each : supervisor.children) order += each.name + " ";
  CHECK(order == "coordinator loader aggregator checkpointer trainer evaluator ");
  CHECK(replicas(result, "job", "loader") == 2);
  CHECK(replicas(result, "job", "trainer") == 4);
  CHECK(replicas(result, "job", "evaluator") == 3);
  for (const char* worker : {"loader", "aggregator", "checkpointer", "trainer", "evaluator"})
    CHECK(entry(result, "job", worker).parameters.text("coordinator") == "/job/coordinator");
}

TEST_CASE("Pipeline: the coordinator has what decides bits, the others what says how it is run") {
  const ConfigResult result = read(job + serving + feedback);
  const Parameters& with = entry(result, "job", "coordinator").parameters;
  CHECK(with.integer("seed") == 7);
  CHECK(with.structure("data") == R"({"mnist":{"folder":"data"}})");
  CHECK(with.structure("preprocess") == R"(["scale"])");
  CHECK(with.structure("model") ==
        R"([{"convolution":{"filters":"32"}},{"dense":{"units":"10"}}])");
  CHECK(with.structure("train") == R"({"batch":"64","optimizer":{"sgd":{"rate":"0.1"}}})");
  CHECK(with.structure("evaluate") == R"({"metrics":["accuracy"]})");
  CHECK(with.structure("deploy") == R"({"gate":"0.9"})");
  CHECK(with.structure("feedback") == R"({"retrain":{"after":"100"}})");
  CHECK(with.text("folder") == "out");
  CHECK(entry(result, "job", "checkpointer").parameters.text("folder") == "out");
  CHECK(entry(result, "job", "loader").parameters.text("ahead") == "8");
  CHECK(replicas(result, "serve", "replica") == 2);
  CHECK(entry(result, "serve", "deployer").parameters.text("listen") == "127.0.0.1:80");
  CHECK(entry(result, "serve", "feedback").parameters.text("store") == "f.db");
}

TEST_CASE("Pipeline: how a job is run does not change its fingerprint") {
  const Registry registry = pipeline_registry();
  const auto fingerprint = [&](std::vector<Override> overrides) {
    const ConfigResult result = read(job, std::move(overrides));
    CHECK(problems(result) == "");
    return job_fingerprint(result.config, registry);
  };
  const std::string first = fingerprint({});
  for (const Override& same : std::vector<Override>{{"train.replicas", "2"},
                                                    {"train.isolation", "process"},
                                                    {"train.folder", "elsewhere"},
                                                    {"data.loaders", "1"},
                                                    {"data.ahead", "1"},
                                                    {"evaluate.replicas", "1"},
                                                    {"deploy", "{listen: \"127.0.0.1:5\"}"},
                                                    {"job.trainer.restart", "temporary"}})
    CHECK_MESSAGE(fingerprint({same}) == first, same.path);
  for (const Override& other : std::vector<Override>{{"train.batch", "32"},
                                                     {"seed", "8"},
                                                     {"model.1.dense.units", "11"},
                                                     {"preprocess", "[]"},
                                                     {"data.mnist.folder", "other"}})
    CHECK_MESSAGE(fingerprint({other}) != first, other.path);
}

TEST_CASE("Pipeline: as many trainers as asked for, else one a core, at most one a shard") {
  const auto trainers = [](std::vector<Override> overrides) {
    return replicas(read(job, std::move(overrides)), "job", "trainer");
  };
  CHECK(trainers({{"train.replicas", "7"}}) == 7);
  CHECK(trainers({{"train.replicas", "auto"}}) == 4);
  CHECK(trainers({{"train.shards", "2"}}) == 2);
  CHECK(trainers({{"train.shards", "64"}}) == 4);
  CHECK(entry(read(job, {{"train.isolation", "process"}}), "job", "trainer").isolation ==
        Isolation::process);
}

TEST_CASE(
    "Pipeline: where GPUs compute the job there is a trainer for each, in a process of its own") {
  const auto trainers = [](const std::string& device, std::uint32_t gpus,
                           std::vector<Override> more = {}) {
    more.push_back({"train.device", device});
    const ConfigResult result = read(job, more, gpus);
    return std::pair{replicas(result, "job", "trainer"), entry(result, "job", "trainer").isolation};
  };
  CHECK(trainers("cuda", 2) == std::pair{std::size_t{2}, Isolation::process});
  CHECK(trainers("auto", 2) == std::pair{std::size_t{2}, Isolation::process});
  CHECK(trainers("cuda", 0) == std::pair{std::size_t{1}, Isolation::process});
  CHECK(trainers("auto", 0) == std::pair{std::size_t{4}, Isolation::none});
  CHECK(trainers("cpu", 2) == std::pair{std::size_t{4}, Isolation::none});
  CHECK(trainers("cuda", 2, {{"train.replicas", "3"}, {"train.isolation", "none"}}) ==
        std::pair{std::size_t{3}, Isolation::none});
}

TEST_CASE("Pipeline: an evaluator on a GPU has a process of its own") {
  const auto isolation = [](std::vector<Override> more) {
    return entry(read(job, std::move(more)), "job", "evaluator").isolation;
  };
  CHECK(isolation({}) == Isolation::none);
  CHECK(isolation({{"evaluate.device", "cuda"}}) == Isolation::process);
  CHECK(isolation({{"evaluate.device", "cuda"}, {"evaluate.isolation", "none"}}) ==
        Isolation::none);
}

TEST_CASE("Pipeline: problems are told where the section says it") {
  CHECK(problems(read(R"(name: n
data: {loaders: few}
model: []
train:
  batch: 0
  shard: 16
  replicas: -1
  optimizer:
    sgd: {}
    adam: {}
evaluate:
  isolation: some
)")) == R"(job.yaml:2:17: replicas: expected an integer, got few
job.yaml:5:10: train/batch: expected an integer from 1 to 4096, got "0"
job.yaml:6:10: train/shard: unknown key (did you mean 'shards'?)
job.yaml:7:13: replicas: expected 0 to 10000, got -1
job.yaml:8:3: train/optimizer: expected a name, or a name with a map, got a map
job.yaml:12:14: isolation: expected one of none, process, got some
)");
  for (const char* const path : {"data.loaders", "train.replicas", "evaluate.replicas"})
    CHECK(problems(read(job, {{path, "0"}})).ends_with(": expected at least 1, got 0\n"));
  CHECK(problems(read("name: n\nmodel: []\ndata: {}\n")) ==
        "job.yaml:2:1: type coordinator needs the parameter 'train', a map, a list or a text\n");
  CHECK(problems(read(job + "feedback: {}\n")) ==
        "job.yaml:13:1: feedback: expected a section 'deploy' beside it, got none\n");
  CHECK(problems(read(job, {{"train.batch", "many"}})) ==
        "--set train.batch=many: train/batch: expected an integer, got \"many\"\n");
}

TEST_CASE("Pipeline: a version can be served without a job") {
  const ConfigResult result = read(
      "name: n\n"
      "deploy: {listen: \"127.0.0.1:80\", threads: 2}\n");
  CHECK(entry(result, "serve", "deployer").parameters.text("listen") == "127.0.0.1:80");
  CHECK(entry(result, "serve", "replica").parameters.text("threads") == "2");
  CHECK(result.config.root.children.size() == 1);
  CHECK(problems(read("name: n\ndeploy: {lisen: x}\n")) ==
        "job.yaml:2:17: deploy/lisen: unknown key, where there is no job\n");
  CHECK(problems(read("name: n\ndeploy: 3\n")) == "job.yaml:2:9: deploy: expected a map\n");
}

TEST_CASE("Pipeline: an actor of another type may stand between, and two jobs may share a loader") {
  const ConfigResult result = read(job + R"(actors:
  - name: job
    actors:
      - {name: augmenter, type: augmenter, with: {source: loader}}
      - {name: trainer, with: {feed: /job/augmenter}}
      - {name: second, type: trainer, replicas: 2, with: {coordinator: coordinator, feed: /job/loader}}
)");
  CHECK(entry(result, "job", "augmenter").parameters.text("source") == "/job/loader");
  CHECK(entry(result, "job", "trainer").parameters.text("feed") == "/job/augmenter");
  CHECK(entry(result, "job", "trainer").parameters.text("coordinator") == "/job/coordinator");
  CHECK(replicas(result, "job", "trainer") == 4);
  CHECK(replicas(result, "job", "second") == 2);
}

TEST_CASE("Pipeline: explain() prints plain entries, which read back as the same tree") {
  const Registry registry = pipeline_registry();
  const ConfigResult first = read(job + serving + feedback);
  const std::string text = explain(first.config, registry);
  const ConfigResult second = read(text);
  CHECK(problems(second) == "");
  CHECK(explain(second.config, registry) == text);
  CHECK(job_fingerprint(second.config, registry) == job_fingerprint(first.config, registry));
}

TEST_CASE("Pipeline: the documented example is a job with what is served of it") {
  std::ifstream file{std::filesystem::path{__FILE__}.parent_path() / "../../../docs/config.md"};
  const std::string page{std::istreambuf_iterator<char>{file}, {}};
  const std::string fence = "```yaml\n";
  const std::size_t start = page.find(fence, page.find("## Sections")) + fence.size();
  const std::string text = page.substr(start, page.find("```\n", start) - start);
  const ConfigResult result = read(text, {{"train", "{replicas: 3, isolation: process}"}});
  CHECK(replicas(result, "job", "loader") == 2);
  CHECK(replicas(result, "job", "trainer") == 3);
  CHECK(replicas(result, "serve", "replica") == 2);
  CHECK(entry(result, "job", "coordinator").parameters.structure("model") ==
        R"([{"conv2d":{"filters":"32","kernel":"3"}},"relu","flatten",{"dense":{"units":"10"}}])");
}

TEST_CASE("Pipeline: any sections at all are read or told of") {
  const std::vector<std::string> values = {"",
                                           "3",
                                           "[]",
                                           "{}",
                                           "[1, {a: 2}]",
                                           "{replicas: [1]}",
                                           "{replicas: {a: 1}, shards: []}",
                                           "{isolation: , loaders: {}}",
                                           "{shards: -5, replicas: auto}",
                                           "{listen: {a: b}, x: 1}"};
  for (const char* section :
       {"data", "preprocess", "model", "train", "evaluate", "deploy", "feedback", "seed"})
    for (const std::string& value : values) {
      for (const std::string& others : {std::string{}, job})
        read(others + "deploy: " + value + "\n", {{section, value}});
      const ConfigResult alone = read(std::string{"name: n\n"} + section + ": " + value + "\n");
      for (const Problem& problem : alone.problems)
        CHECK(problem.line >= 2);  // nothing is where the next begins
    }
}

}  // namespace troupe::actors
