#include "actors/job/spec_reader.hpp"

#include <array>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {
using Problems = std::vector<SpecProblem>;
std::vector<std::string> lines(const Problems& problems) {
  std::vector<std::string> result;
  for (const SpecProblem& problem : problems)
    result.push_back(problem.pointer + ": " + problem.what);
  return result;
}

constexpr std::array<std::string_view, 2> formats{"csv", "idx"};
}  // namespace

TEST_CASE("a specification is read by the form that each key must have") {
  Problems problems;
  SpecReader spec = SpecReader::parse(
      R"({"a": "7", "b": 8, "c": "true", "d": "2ms", "e": "4KiB", "f": "x y", "g": "0.5", "h": "idx",
          "list": ["1", 2, "3"], "one": "4", "layers": ["relu", {"dense": {"units": "10"}}, {"flatten": null}],
          "inner": {"k": "1"}, "maps": [{"k": "1"}, {"k": "2"}]})",
      problems);
  CHECK(spec.integer("a", {}, 0, 10) == 7);
  CHECK(spec.integer("b", {}, 0, 10) == 8);
  CHECK(spec.boolean("c"));
  CHECK(spec.duration("d", {}, 0s, 1s) == 2ms);
  CHECK(spec.size("e", {}, 0, 1 << 20) == 4096);
  CHECK(spec.text("f") == "x y");
  CHECK(spec.number("g", {}, 0, 1) == 0.5);
  CHECK(spec.choice("h", formats) == 1);
  CHECK(spec.integers("list") == std::vector<std::int64_t>{1, 2, 3});
  CHECK(spec.numbers("one") == std::vector<double>{4});
  CHECK(spec.integer("absent", 5, 0, 10) == 5);
  auto layers = spec.named_list("layers");
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].name == "relu");
  CHECK(layers[1].name == "dense");
  CHECK(layers[1].with.integer("units", {}, 1, 100) == 10);
  layers[2].with.finish();
  CHECK(spec.object("inner").integer("k", {}, 0, 9) == 1);
  CHECK(spec.object("none").text("k", "d") == "d");
  CHECK(spec.objects("maps").size() == 2);
  spec.finish();
  CHECK(problems.empty());
}

TEST_CASE("all that is wrong is found at once, each with its place") {
  Problems problems;
  SpecReader spec = SpecReader::parse(
      R"({"a": "11", "b": "x", "h": "idy", "list": ["1", "y"], "layers": ["relu", {"d": 1, "e": 2}, {"dense": {"unitz": 1}}],
          "in/ner": [], "batc": 1})",
      problems);
  spec.integer("a", {}, 0, 10);
  spec.integer("b", 3, 0, 10);
  spec.choice("h", formats);
  spec.numbers("list");
  for (auto& layer : spec.named_list("layers")) {
    if (layer.name == "dense") layer.with.integer("units", {}, 1, 100);
    layer.with.finish();
  }
  spec.object("in/ner");
  spec.integer("batch", 1, 1, 2);
  spec.finish();
  const std::vector<std::string> expected{
      "/a: expected an integer from 0 to 10, got \"11\"",
      "/b: expected an integer, got \"x\"",
      "/h: expected one of csv, idx, got \"idy\" (did you mean 'idx'?)",
      "/list/1: expected a number, got \"y\"",
      "/layers/1: expected a name, or a name with a map, got a map",
      "/layers/2/dense/units: expected an integer, got nothing",
      "/layers/2/dense/unitz: unknown key (did you mean 'units'?)",
      "/in~1ner: expected a map, got a list",
      "/batc: unknown key (did you mean 'batch'?)"};
  REQUIRE(problems.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(lines(problems)[i] == expected[i]);
  CHECK_THROWS_WITH_AS(throw_if_any(problems, "train"),
                       doctest::Contains("train/b: expected an integer"), Error);
}

TEST_CASE("what is no JSON, or too deep, is one problem") {
  for (const std::string& text :
       {std::string{"{"}, std::string{}, std::string(100, '[') + std::string(100, ']'),
        std::string{"{}\0", 3}}) {
    Problems problems;
    SpecReader spec = SpecReader::parse(text, problems);
    CHECK(problems.size() == 1);
    CHECK(spec.integer("a", 2, 0, 5) == 2);
  }
}
