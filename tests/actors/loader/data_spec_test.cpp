#include "actors/loader/data_spec.hpp"

#include "runtime/base/error.hpp"
#include "tests/support/doctest_std.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {
std::vector<std::string> problems_of(const std::string& data, const std::string& preprocess) {
  std::vector<SpecProblem> problems;
  SpecReader data_reader = SpecReader::parse(data, problems);
  const DataSpec spec = read_data_spec(data_reader, "");
  SpecReader reader = SpecReader::parse(preprocess, problems);
  read_preprocess_spec(reader, spec);
  std::vector<std::string> result;
  for (const SpecProblem& problem : problems)
    result.push_back(problem.pointer + ": " + problem.what);
  return result;
}
constexpr const char* idx =
    R"({"format": "idx", "train": {"features": "a", "labels": "b"}, "classes": "10"})";
}  // namespace

TEST_CASE("a data section is read, its files beside the base") {
  const DataSpec spec = parse_data_spec(
      R"({"format": "csv", "train": {"file": "a.csv"}, "test": {"file": "/b.csv"}, "header": "false", "separator": ";",
          "label": "3", "shape": ["8", "8"], "class_names": ["x", "y"]})",
      "/base");
  CHECK(spec.format == DataSpec::Format::csv);
  CHECK(spec.train.features == "/base/a.csv");
  REQUIRE(spec.test);
  CHECK(spec.test->features == "/b.csv");
  CHECK_FALSE(spec.header);
  CHECK(spec.separator == ';');
  CHECK(std::get<std::size_t>(spec.label) == 3);
  CHECK(spec.shape == gpu::Shape{8, 8});
  CHECK(spec.classes == 2);
  CHECK(spec.class_names.size() == 2);
  CHECK(parse_data_spec(idx, "d").train.labels == "d/b");
  CHECK(parse_data_spec(idx, "d").extra.empty());
  std::string more{idx};
  more.insert(1, R"("extra": ["x.csv", "/y.csv"], )");
  CHECK(parse_data_spec(more, "d").extra == std::vector<std::string>{"d/x.csv", "/y.csv"});
}

TEST_CASE("a preprocess section is read") {
  const PreprocessSpec spec = parse_preprocess_spec(
      R"({"missing": "mean", "outliers": {"low": "-1", "high": "1", "action": "drop"}, "deduplicate": "true",
          "max_rejected": "0.5", "split": {"validation": "0.2", "test": "0.3"},
          "transforms": [{"scale": {"factor": "0.5"}}, {"shift": {"pixels": "1.5", "subpixel": "true"}}, "normalize"]})",
      parse_data_spec(idx, ""));
  CHECK(spec.missing == PreprocessSpec::Missing::mean);
  REQUIRE(spec.outliers);
  CHECK(spec.outliers->low == -1);
  CHECK_FALSE(spec.outliers->clip);
  CHECK(spec.deduplicate);
  CHECK(spec.max_rejected == 0.5);
  CHECK(spec.validation == 0.2);
  CHECK(spec.test == 0.3);
  REQUIRE(spec.transforms.size() == 3);
  CHECK(spec.transforms[0] == gpu::Transform{gpu::Scale{0.5, 0}});
  CHECK(spec.transforms[1] == gpu::Transform{gpu::Shift{1.5, true}});
  CHECK(spec.measured_at == 2);
}

TEST_CASE("all that is wrong with data and its preprocessing is told at once") {
  const auto problems = problems_of(
      R"({"format": "csv", "train": {"fil": "a"}, "test": {"file": "b"}, "header": "false", "label": "digit",
          "separator": "ab", "shape": ["0"], "classes": "3", "class_names": ["a"]})",
      R"({"missing": "none", "outliers": {"low": "2", "high": "1"}, "max_rejected": "2", "split": {"validation": "0.5", "test": "0.5"},
          "transforms": ["one_hot", {"scale": {"facto": "1"}}, "normalize", "normalize", "sale"], "dedup": "true"})");
  const std::vector<std::string> expected{
      "/train/file",  "/train/fil",    "/separator",          "/label",        "/shape",
      "/class_names", "/missing",      "/outliers/low",       "/max_rejected", "/split/test",
      "/split",       "/transforms/0", "/transforms/1/scale", "/transforms/3", "/transforms/4",
      "/dedup"};
  for (const std::string& pointer : expected) {
    INFO(pointer);
    CHECK(std::ranges::any_of(
        problems, [&](const std::string& line) { return line.starts_with(pointer + ": "); }));
  }
  CHECK(problems.size() == expected.size());
}

TEST_CASE("sections that leave out what must be there are refused") {
  CHECK_THROWS_AS(parse_data_spec("{}", ""), Error);
  CHECK_THROWS_AS(parse_data_spec(R"({"format": "idx", "classes": 2})", ""), Error);
  CHECK_THROWS_AS(parse_data_spec("[", ""), Error);
  CHECK(parse_preprocess_spec("{}", parse_data_spec(idx, "")).test == 0.1);
}
