#include "runtime/registry.hpp"

#include "runtime/base/error.hpp"
#include "tests/support/no_actor.hpp"

namespace troupe::runtime {
namespace {

ActorType type(std::string name, std::vector<ParameterSchema> parameters = {}) {
  return {std::move(name), "Help.", std::move(parameters), test::no_actor};
}

}  // namespace

TEST_CASE("Registry: finds what was added, by name") {
  Registry registry;
  registry.add(type("counter"));
  REQUIRE(registry.find("counter") != nullptr);
  CHECK(registry.find("counter")->origin == "application");
  CHECK(registry.find("count") == nullptr);
}

TEST_CASE("Registry: names that are taken or malformed are refused") {
  Registry registry;
  registry.add(type("counter"));
  CHECK_THROWS_WITH_AS(registry.add(type("counter")),
                       "actor type counter: the name is taken by a type of application", Error);
  for (const char* name : {"", "Counter", "a-b", "a/b"})
    CHECK_THROWS_AS(registry.add(type(name)), Error);
  CHECK(registry.types().size() == 1);
}

TEST_CASE("Registry: schemas that contradict themselves are refused") {
  Registry registry;
  ParameterSchema wrong{.name = "n",
                        .type = ParameterType::integer,
                        .help = "",
                        .default_value = ParameterValue{true}};
  CHECK_THROWS_WITH_AS(
      registry.add(type("t", {wrong})),
      "actor type t: parameter n has a default that does not fit: expected an integer, got true",
      Error);
  wrong.default_value.reset();
  CHECK_THROWS_AS(registry.add(type("t", {wrong, wrong})), Error);
  wrong.minimum = 2;
  wrong.maximum = 1;
  CHECK_THROWS_AS(registry.add(type("t", {wrong})), Error);
  CHECK(registry.types().empty());
}

}  // namespace troupe::runtime
