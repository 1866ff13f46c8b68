#include "actors/pipeline/roles.hpp"

#include <string>

#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;

namespace {

const std::string job = R"(name: n
data: {format: csv, train: {file: d.csv}, classes: 2}
model: [{dense: {units: 2}}]
train: {epochs: 1}
)";

ConfigResult read(const std::string& text) {
  Registry registry;
  add_roles(registry);
  return read_config(text, "job.yaml", registry, {});
}

std::string problems(const ConfigResult& result) {
  std::string lines;
  for (const Problem& problem : result.problems) lines += to_string(problem) + "\n";
  return lines;
}

/// By its way down the tree; of a group the first member.
const Parameters& parameters(const ConfigResult& result, const std::vector<std::string>& way) {
  const SupervisorSpec* spec = &result.config.root;
  const ChildSpec* found = nullptr;
  for (const std::string& name : way) {
    found = nullptr;
    for (const ChildSpec& child : spec->children)
      if (child.name == name) found = &child;
    REQUIRE_MESSAGE(found != nullptr, name);
    spec = found->supervisor.get();
  }
  return found->parameters;
}

}  // namespace

TEST_CASE("Roles: what a job serves is wired together") {
  const ConfigResult result = read(job + R"(deploy: {model: m, listen: "127.0.0.1:0", replicas: 2}
feedback: {when: [accuracy < 0.9]}
)");
  REQUIRE(problems(result) == "");
  CHECK(parameters(result, {"job", "coordinator"}).text("deployer") == "/serve/deployer");
  const Parameters& deployer = parameters(result, {"serve", "deployer"});
  CHECK(deployer.text("model") == "m");
  CHECK(deployer.text("replicas") == "/serve/replica");
  CHECK(deployer.text("feedback") == "/serve/feedback");
  for (const char* member : {"0", "1"})
    CHECK(parameters(result, {"serve", "replica", member}).text("deployer") == "/serve/deployer");
  const Parameters& feedback = parameters(result, {"serve", "feedback"});
  CHECK(feedback.text("model") == "m");
  CHECK(feedback.text("coordinator") == "/job/coordinator");
  CHECK(feedback.text("feedback") == R"({"when":["accuracy < 0.9"]})");
}

TEST_CASE("Roles: without a job there is a publisher") {
  const ConfigResult result = read("name: n\ndeploy: {checkpoint: /c}\n");
  REQUIRE(problems(result) == "");
  CHECK(parameters(result, {"serve", "publisher"}).text("checkpoint") == "/c");
  CHECK(parameters(result, {"serve", "publisher"}).text("deployer") == "/serve/deployer");
  CHECK(parameters(result, {"serve", "deployer"}).text("model") == "model");
}

TEST_CASE("Roles: mistakes in a deploy section are told where they are") {
  CHECK(problems(read(job + "deploy: {lisen: x}\n"))
            .find("job.yaml:5:17: deploy/lisen: unknown key") != std::string::npos);
  CHECK(problems(read(job + "deploy: {listen: \"0.0.0.0:80\"}\n"))
            .find("job.yaml:5:18: deploy/listen: ") != std::string::npos);
  CHECK(problems(read(job + "deploy: {listen: \"0.0.0.0:80\", token: t}\n")) == "");
  CHECK(problems(read(job + "deploy: {model: \"a b\"}\n")).find("job.yaml:5:17: deploy/model: ") !=
        std::string::npos);
  CHECK(problems(read(job + "deploy: {threads: 0}\n")).find("job.yaml:5:19: ") !=
        std::string::npos);
}
