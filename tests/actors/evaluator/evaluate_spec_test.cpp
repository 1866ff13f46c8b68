#include "actors/evaluator/evaluate_spec.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

using Problems = std::vector<SpecProblem>;

EvaluateSpec read(std::string_view json, std::int64_t classes, Problems& problems) {
  SpecReader section = SpecReader::parse(json, problems);
  return read_evaluate(section, classes);
}

}  // namespace

TEST_CASE("evaluate: nothing said is a sensible default") {
  Problems problems;
  const EvaluateSpec spec = read("{}", 10, problems);
  CHECK(problems.empty());
  CHECK(spec.every_steps == 0);
  CHECK(spec.metrics == std::vector<std::string>{"accuracy", "loss", "f1_macro"});
  CHECK(spec.top_k == 5);
  CHECK(spec.batch == 500);
  CHECK(spec.parts == 8);
  CHECK(spec.device == DeviceKind::cpu);
  CHECK(spec.gate.conditions.empty());
  CHECK(!spec.early_stopping);
  CHECK(read("{}", 0, problems).metrics == std::vector<std::string>{"loss", "mae"});
}

TEST_CASE("evaluate: every key is read") {
  Problems problems;
  const EvaluateSpec spec = read(
      R"({"every": "200 steps", "metrics": ["accuracy", "roc_auc"], "top_k": "1", "batch": "64", "parts": "3", "device": "cuda",
          "gate": "accuracy >= 0.97 and loss <= 0.1",
          "early_stopping": {"metric": "loss", "patience": "4", "min_delta": "0.01"}})",
      2, problems);
  CHECK(problems.empty());
  CHECK(spec.every_steps == 200);
  CHECK(spec.metrics == std::vector<std::string>{"accuracy", "roc_auc"});
  CHECK(spec.top_k == 1);
  CHECK(spec.batch == 64);
  CHECK(spec.parts == 3);
  CHECK(spec.device == DeviceKind::cuda);
  CHECK(to_string(spec.gate) == "accuracy >= 0.97 and loss <= 0.1");
  CHECK(spec.early_stopping == EarlyStopping{"loss", false, 4, 0.01});
  CHECK(read(R"({"early_stopping": {"metric": "accuracy"}})", 2, problems)
            .early_stopping->larger_is_better);
  CHECK(!read(R"({"early_stopping": {"metric": "accuracy", "mode": "min"}})", 2, problems)
             .early_stopping->larger_is_better);
  CHECK(problems.empty());
}

TEST_CASE("evaluate: all that is wrong is said at once, by its place") {
  Problems problems;
  read(
      R"({"every": "2 epochs", "metrics": ["acuracy", "roc_auc"], "top_k": "0", "batch": "x", "parts": 0,
           "gate": "accurcy > 1 and loss", "gat": "", "early_stopping": {"metric": "mse", "patience": 0, "mode": "up"}})",
      10, problems);
  std::vector<std::string> places;
  for (const SpecProblem& problem : problems) places.push_back(problem.pointer);
  CHECK(places == std::vector<std::string>{"/every", "/metrics", "/metrics", "/top_k", "/batch",
                                           "/parts", "/gate", "/gate", "/early_stopping/metric",
                                           "/early_stopping/mode", "/early_stopping/patience",
                                           "/gat"});
  for (const char* every : {"0 steps", "-1 steps", "steps", "5", "5 step s", "", "1.5 steps"}) {
    CAPTURE(every);
    problems.clear();
    read(std::string{R"({"every": ")"} + every + "\"}", 10, problems);
    CHECK(problems.size() == 1);
  }
}
