#include "actors/model/model_spec.hpp"

#include "gpu/nn/graph.hpp"
#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;
using gpu::DType;
using gpu::Shape;
using gpu::nn::Attribute;
using gpu::nn::Graph;
using gpu::nn::ModelDescription;

namespace {

using Problems = std::vector<SpecProblem>;

ModelDescription read(std::string_view json, const Shape& features, std::int64_t classes,
                      Problems& problems) {
  SpecReader list = SpecReader::parse(json, problems);
  return read_model(list, features, classes);
}

ModelDescription read(std::string_view json, const Shape& features, std::int64_t classes) {
  Problems problems;
  ModelDescription model = read(json, features, classes, problems);
  REQUIRE(problems.empty());
  return model;
}

constexpr std::string_view small_cnn = R"([
  {"conv2d": {"filters": "8", "kernel": ["3", "3"], "padding_mode": "same", "bias": "false", "name": "first"}},
  {"batch_norm": {"momentum": "0.2"}}, "relu", {"dropout": {"rate": 0.25}},
  {"conv2d": {"filters": "8", "kernel": "3", "padding": "1"}},
  {"add": {"inputs": ["first", "conv2d_2"]}}, "flatten", {"dense": {"units": 3}}])";

}  // namespace

TEST_CASE("model spec: attributes take the type that their text has") {
  const ModelDescription model = read(small_cnn, Shape{6, 6, 1}, 3);
  REQUIRE(model.layers.size() == 9);
  const auto& first = model.layers[0];
  CHECK(first.type == "conv2d");
  CHECK(first.name == "first");
  CHECK(first.attributes.at("filters") == Attribute{std::int64_t{8}});
  CHECK(first.attributes.at("kernel") == Attribute{std::vector<std::int64_t>{3, 3}});
  CHECK(first.attributes.at("padding_mode") == Attribute{std::string{"same"}});
  CHECK(first.attributes.at("bias") == Attribute{false});
  CHECK(first.attributes.size() == 4);
  CHECK(model.layers[1].attributes.at("momentum") == Attribute{0.2});
  CHECK(model.layers[3].attributes.at("rate") == Attribute{0.25});
  CHECK(model.layers[5].inputs == std::vector<std::string>{"first", "conv2d_2"});
}

TEST_CASE("model spec: inputs and the loss follow from the kind of task") {
  const ModelDescription classifier = read(small_cnn, Shape{6, 6, 1}, 3);
  REQUIRE(classifier.inputs.size() == 2);
  CHECK(classifier.inputs[0].name == "features");
  CHECK(classifier.inputs[0].shape == Shape{6, 6, 1});
  CHECK(classifier.inputs[1].dtype == DType::i32);
  CHECK(classifier.inputs[1].shape == Shape{});
  CHECK(classifier.layers.back().type == "softmax_cross_entropy");
  CHECK(classifier.layers.back().inputs == std::vector<std::string>{"dense_1", "label"});
  CHECK(check_model(classifier, 3).empty());

  const ModelDescription regression = read(R"([{"dense": {"units": "1"}}])", Shape{4}, 0);
  CHECK(regression.inputs[1].shape == Shape{1});
  CHECK(regression.inputs[1].dtype == DType::f32);
  CHECK(regression.layers.back().type == "mean_squared_error");
  CHECK(check_model(regression, 0).empty());

  const ModelDescription own = read(
      R"([{"dense": {"units": 2}}, {"softmax_cross_entropy": {"smoothing": "0.1"}}])", Shape{4}, 2);
  REQUIRE(own.layers.size() == 2);
  CHECK(own.layers[1].inputs == std::vector<std::string>{"dense_1", "label"});
  CHECK(check_model(own, 2).empty());
}

TEST_CASE("model spec: layers may share parameters") {
  const ModelDescription model = read(
      R"([{"dense": {"units": "4", "name": "first"}}, {"dense": {"units": "4", "share": "first"}}, {"dense": {"units": "2"}}])",
      Shape{4}, 2);
  CHECK(model.layers[1].share == "first");
  CHECK(check_model(model, 2).empty());
  CHECK(Graph{model}.parameters().size() == 4);
  CHECK(Graph{parse_model_json(model_json(model))}.parameters().size() == 4);
}

TEST_CASE("model spec: what cannot be read is said by its place") {
  Problems problems;
  read(
      R"(["relu", {"dense": {"units": {"a": 1}, "name": []}}, {"conv2d": {"kernel": ["3", "x"]}}])",
      Shape{4}, 2, problems);
  std::vector<std::string> places;
  for (const SpecProblem& problem : problems) places.push_back(problem.pointer);
  CHECK(places == std::vector<std::string>{"/1/dense/name", "/1/dense/units", "/2/conv2d/kernel"});

  for (const char* text : {"[]", "null", "{\"a\": 1}", "7", "not JSON"}) {
    CAPTURE(text);
    problems.clear();
    CHECK(read(text, Shape{4}, 2, problems).layers.empty());
    CHECK(!problems.empty());
  }
}

TEST_CASE("model spec: what does not fit together is said by its layer, all at once") {
  const ModelDescription model = read(
      R"([{"dens": {"units": 4}}, {"dense": {"unit": 4}}, {"dense": {"units": 3, "inputs": "featurs"}}])",
      Shape{4}, 3);
  const Problems problems = check_model(model, 3, "/model");
  const auto has = [&](std::string_view pointer, std::string_view text) {
    return std::ranges::any_of(problems, [&](const SpecProblem& problem) {
      return problem.pointer == pointer && problem.what.find(text) != std::string::npos;
    });
  };
  CHECK(has("/model/0", "unknown type 'dens' (did you mean 'dense'?)"));
  CHECK(has("/model/1", "unknown attribute 'unit'"));
  CHECK(has("/model/2", "'featurs' (did you mean 'features'?)"));
}

TEST_CASE("model spec: a prediction has one value a class, and no softmax before the loss") {
  const auto problems = [](std::string_view json, std::int64_t classes) {
    return check_model(read(json, Shape{4}, classes), classes, "/model");
  };
  const Problems wrong_count = problems(R"([{"dense": {"units": 7}}])", 10);
  REQUIRE(wrong_count.size() == 1);
  CHECK(wrong_count[0].what == "expected a prediction of 10 values, one a class, got [7]");
  const Problems two_softmaxes = problems(R"([{"dense": {"units": 2}}, "softmax"])", 2);
  REQUIRE(two_softmaxes.size() == 1);
  CHECK(two_softmaxes[0].pointer == "/model/1");
  CHECK(!problems(R"([{"dense": {"units": 2}}])", 0).empty());
}

TEST_CASE("model spec: a prediction does not read the label") {
  const auto problems = [](std::string_view json) {
    return check_model(read(json, Shape{4}, 2), 2, "/model");
  };
  const Problems leaks = problems(
      R"([{"dense": {"units": 2}}, {"scale": {"inputs": "label", "name": "truth"}}, {"reshape": {"shape": [1], "name": "one"}},
          {"concat": {"inputs": ["dense_1", "one"]}}, {"dense": {"units": 2}}])");
  REQUIRE(leaks.size() == 1);
  CHECK(leaks[0].what.find("reads the label") != std::string::npos);
}

TEST_CASE("model spec: names that are no UTF-8 are refused") {
  ModelDescription model = read(R"([{"dense": {"units": 2}}])", Shape{4}, 2);
  model.layers[0].name = "\xff";
  CHECK_THROWS_AS(model_json(model), Error);
}

TEST_CASE("model spec: JSON gives the same graph back, and the same text") {
  const ModelDescription model = read(small_cnn, Shape{6, 6, 1}, 3);
  const std::string text = model_json(model);
  const ModelDescription back = parse_model_json(text);
  CHECK(model_json(back) == text);
  const Graph expected{model};
  const Graph got{back};
  REQUIRE(got.nodes().size() == expected.nodes().size());
  for (std::size_t i = 0; i < got.nodes().size(); ++i) {
    CHECK(got.nodes()[i].name == expected.nodes()[i].name);
    CHECK(got.nodes()[i].inputs == expected.nodes()[i].inputs);
  }
  REQUIRE(got.parameters().size() == expected.parameters().size());
  for (std::size_t i = 0; i < got.parameters().size(); ++i)
    CHECK(got.parameters()[i].name == expected.parameters()[i].name);
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    CHECK(back.layers[i].attributes == model.layers[i].attributes);
}

TEST_CASE("model spec: JSON that is no model is refused, whatever is wrong with it") {
  const std::string text = model_json(read(small_cnn, Shape{6, 6, 1}, 3));
  for (std::size_t cut = 0; cut < text.size(); cut += 7)
    CHECK_THROWS_AS(parse_model_json(text.substr(0, cut)), Error);
  for (const auto& change :
       {std::pair{"\"format\": 1", "\"format\": 2"}, std::pair{"\"shape\": [", "\"shape\": [-3,"},
        std::pair{"\"i32\"", "\"i33\""}, std::pair{"\"share\"", "\"sh\""}}) {
    const std::string what = change.first, with = change.second;
    CAPTURE(what);
    std::string faulty = text;
    const std::size_t at = faulty.find(what);
    REQUIRE(at != std::string::npos);
    faulty.replace(at, std::string_view{what}.size(), with);
    CHECK_THROWS_AS(parse_model_json(faulty), Error);
  }
}
