#include "actors/deployer/deployer_options.hpp"

#include "actors/job/spec_reader.hpp"
#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {
std::vector<SpecProblem> problems_of(const std::string& json, DeploySpec* spec = nullptr) {
  std::vector<SpecProblem> problems;
  SpecReader reader = SpecReader::parse(json, problems);
  const DeploySpec read = read_deploy_spec(reader);
  if (spec) *spec = read;
  return problems;
}
}  // namespace

TEST_CASE(
    "DeployerOptions: the section deploy is read, and becomes an actor's parameters and back") {
  DeploySpec spec;
  CHECK(
      problems_of(
          R"({"replicas":"3","listen":"127.0.0.1:0","max_batch":"16","max_delay":"2ms","max_body":"1MiB",
                        "balance":"round_robin","timeout":"3s"})",
          &spec)
          .empty());
  CHECK(spec.replicas == 3);
  spec.options.model = "m";
  const DeployerOptions again = deployer_options(to_parameters(spec.options));
  CHECK(again.http.listen == "127.0.0.1:0");
  CHECK(again.http.max_body == 1 << 20);
  CHECK(again.dispatcher.max_batch == 16);
  CHECK(again.dispatcher.max_delay == 2ms);
  CHECK(again.dispatcher.timeout == 3s);
  CHECK(again.dispatcher.balance == Balance::round_robin);
}

TEST_CASE("DeployerOptions: what would open it to all, and what is out of range, is a problem") {
  CHECK(problems_of("{}").empty());
  CHECK(problems_of(R"({"listen":"0.0.0.0:8000"})").size() == 1);
  CHECK(problems_of(R"({"listen":"0.0.0.0:8000","token":"t"})").empty());
  CHECK(problems_of(R"({"listen":"[::]:8000","certificate":"c"})").size() == 1);
  CHECK(problems_of(R"({"max_batch":"0","max_bach":"1","balance":"none"})").size() == 3);
}

TEST_CASE("DeployerOptions: defaults fit the schema, and each parameter is among an actor's") {
  DeployerOptions options;
  options.model = "m";
  const runtime::Parameters all = to_parameters(options);
  CHECK(all.values().size() == deployer_parameters().size());
  for (const runtime::ParameterSchema& schema : deployer_parameters()) {
    REQUIRE(all.has(schema.name));
    CHECK(!runtime::misfit(schema, all.values().at(schema.name)));
    if (schema.default_value) CHECK(!runtime::misfit(schema, *schema.default_value));
  }
}
