#include "actors/pipeline/section_checks.hpp"

#include <string>

#include "actors/job/spec_reader.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "tests/support/doctest_std.hpp"

namespace troupe::actors {
namespace {

std::string problems(const std::string& text) {
  const DataFormats formats = {{"own", [](SpecReader& set, const std::string&) -> OpenRecords {
                                  set.integer("points", {}, 1, 10);
                                  return [] { return nullptr; };
                                }}};
  runtime::Registry registry;
  add_roles(registry, formats);
  std::string lines;
  for (const runtime::Problem& problem : runtime::read_config(text, "c", registry, {}).problems)
    lines += to_string(problem) + '\n';
  return lines;
}

const std::string head =
    "name: n\n"
    "data: {format: csv, train: {file: x}, shape: [4, 4, 1], classes: 3}\n";
const std::string fits =
    "model: [flatten, {dense: {units: 3}}]\n"
    "train: {batch: 8}\n";

}  // namespace

TEST_CASE("Section checks: what fits is no problem") {
  CHECK(problems(head + fits) == "");
  CHECK(problems(head + "preprocess: {split: {test: 0.1}, transforms: [normalize]}\n" + fits +
                 "evaluate: {metrics: [accuracy], gate: accuracy > 0.5}\n") == "");
}

TEST_CASE("Section checks: a gate that nothing could pass is told before anything is trained") {
  const std::string none = "preprocess: {split: {validation: 0, test: 0}}\n";
  CHECK(problems(head + none + fits + "evaluate: {gate: accuracy > 0.5}\n") ==
        "c:6:18: evaluate/gate: expected records to measure it on, got neither test files nor a "
        "preprocess/split above 0\n");
  CHECK(problems(head + none + fits) == "");
  CHECK(problems(head + fits + "evaluate: {gate: accuracy >= 97}\n") ==
        "c:5:18: evaluate/gate: expected what a metric from 0 to 1 can reach, got 'accuracy >= "
        "97'\n");
}

TEST_CASE("Section checks: each section's own problems are told together, by line") {
  CHECK(problems("name: n\n"
                 "data: {format: csb, train: {file: x}, classes: 3}\n"
                 "preprocess: {split: {validatoin: 0.1}}\n"
                 "model:\n"
                 "  - dense: {unit: 3}\n"
                 "  - reul\n"
                 "train: {batch: 0, optimizer: adm}\n"
                 "evaluate: {metrics: [acuracy]}\n") ==
        "c:2:16: data/format: expected one of idx, csv, own, got \"csb\" (did you mean 'csv'?)\n"
        "c:3:34: preprocess/split/validatoin: unknown key (did you mean 'validation'?)\n"
        "c:5:5: model/0: layer 'dense_1': expected an attribute 'units', got none\n"
        "c:5:5: model/0: layer 'dense_1': unknown attribute 'unit' (did you mean 'units'?)\n"
        "c:6:5: model/1: layer 'reul_1': unknown type 'reul'\n"
        "c:7:16: train/batch: expected an integer from 1 to 16777216, got \"0\"\n"
        "c:7:30: train/optimizer: expected sgd, adagrad, adam or adamw, got \"adm\"\n"
        "c:8:12: evaluate/metrics: expected a metric of this task, got 'acuracy' (did you mean "
        "'accuracy'?)\n");
}

TEST_CASE("Section checks: layers that do not fit samples and classes are told by line") {
  CHECK(problems(head + "model:\n"
                        "  - flatten\n"
                        "  - dense: {units: 4}\n"
                        "train: {batch: 8}\n") ==
        "c:3:1: model: expected a prediction of 3 values, one a class, got [4]\n");
  CHECK(problems(head + "model:\n"
                        "  - flatten\n"
                        "  - convolution: {filters: 2, kernel: 3}\n"
                        "train: {batch: 8}\n")
            .starts_with("c:5:5: model/1: "));
  // Of what shape samples are only the data knows.
  CHECK(problems("name: n\n"
                 "data: {format: csv, train: {file: x}, classes: 3}\n"
                 "model: [flatten, {dense: {units: 4}}]\n"
                 "train: {batch: 8}\n") == "");
}

TEST_CASE("Section checks: shards too small for a batch_norm are told by line") {
  const std::string model =
      "model:\n"
      "  - flatten\n"
      "  - batch_norm\n"
      "  - dense: {units: 3}\n";
  CHECK(problems(head + model + "train: {batch: 8, shards: 4}\n") == "");
  CHECK(problems(head + model + "train: {batch: 8, shards: 8}\n")
            .starts_with("c:5:5: model/1: expected shards of 2 values a channel or more, got 1"));
}

TEST_CASE("Section checks: what depends on another section is checked against it") {
  CHECK(problems("name: n\n"
                 "data: {format: csv, train: {file: x}, test: {file: y}, classes: 3}\n"
                 "preprocess:\n"
                 "  split: {test: 0.1}\n"
                 "model: [flatten]\n"
                 "train: {batch: 8}\n"
                 "evaluate:\n"
                 "  gate: mse < 1\n")
            .starts_with("c:4:17: preprocess/split/test: expected 0, as the data has test files, "
                         "got more\nc:8:9: evaluate/gate: "));
}

TEST_CASE("Section checks: a format of the application's own reads what is its own") {
  const auto with = [](const std::string& set) {
    return problems(
        "name: n\n"
        "data:\n"
        "  format: own\n"
        "  train: " +
        set + "\n  shape: [2]\n  classes: 2\n" +
        "model: [{dense: {units: 2}}]\n"
        "train: {batch: 8}\n");
  };
  CHECK(with("{points: 3}") == "");
  CHECK(with("{points: 11}") ==
        "c:4:19: data/train/points: expected an integer from 1 to 10, got \"11\"\n");
  CHECK(with("{points: 3, pints: 4}") ==
        "c:4:29: data/train/pints: unknown key (did you mean 'points'?)\n");
}

}  // namespace troupe::actors
