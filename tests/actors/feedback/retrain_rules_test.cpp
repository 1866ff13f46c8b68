#include "actors/feedback/retrain_rules.hpp"

#include <limits>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

using Kind = RetrainRule::Kind;

FeedbackSpec read(std::string_view json, std::vector<std::string>& problems) {
  std::vector<SpecProblem> found;
  SpecReader reader = SpecReader::parse(json, found);
  const FeedbackSpec spec = read_feedback(reader);
  for (const SpecProblem& problem : found)
    problems.push_back(problem.pointer + ": " + problem.what);
  return spec;
}

FeedbackSpec with(std::vector<RetrainRule> rules) {
  FeedbackSpec spec;
  spec.when = std::move(rules);
  spec.minimum_labels = 10;
  spec.cooldown = 1min;
  return spec;
}

const RetrainRule after_500{Kind::after, 500, 0};
const RetrainRule accuracy_95{Kind::accuracy, 0, 0.95};
const RetrainRule drift_02{Kind::drift, 0, 0.2};

}  // namespace

TEST_CASE("parse_rule: the three forms, blanks or none, and back") {
  std::string why;
  for (const char* text : {"after: 500 labels", "after:500labels", "  after :  500   labels "})
    CHECK(parse_rule(text, why) == after_500);
  CHECK(parse_rule("after: 1 label", why) == RetrainRule{Kind::after, 1, 0});
  for (const char* text : {"accuracy < 0.95", "accuracy<0.95"})
    CHECK(parse_rule(text, why) == accuracy_95);
  CHECK(parse_rule("drift > 0.2", why) == drift_02);
  for (const RetrainRule& rule : {after_500, accuracy_95, drift_02})
    CHECK(parse_rule(to_string(rule), why) == rule);
}

TEST_CASE("parse_rule: what is no rule is refused with what was expected") {
  for (const char* text : {"",
                           "after",
                           "after 500 labels",
                           "after: labels",
                           "after: 0 labels",
                           "after: -5 labels",
                           "after: 500",
                           "after: 5.5 labels",
                           "after: 500 images",
                           "after: 99999999999999999999 labels",
                           "accuracy",
                           "accuracy > 0.9",
                           "accuracy <= 0.9",
                           "accuracy < 0",
                           "accuracy < 1.5",
                           "accuracy < nan",
                           "accuracy < 0.9 x",
                           "drift < 0.2",
                           "drift > -1",
                           "drift > inf",
                           "drift >",
                           "loss > 3",
                           "Accuracy < 0.9"}) {
    CAPTURE(text);
    std::string why;
    CHECK(parse_rule(text, why) == std::nullopt);
    CHECK(why.starts_with("expected "));
  }
}

TEST_CASE("read_feedback: all of the section, and its defaults") {
  std::vector<std::string> problems;
  FeedbackSpec spec =
      read(R"({"window": "200", "when": ["after: 500 labels", "accuracy < 0.95", "drift > 0.2"],
      "minimum_labels": "50", "cooldown": "1m", "groups": 4})",
           problems);
  CHECK(problems.empty());
  CHECK(spec.window == 200);
  CHECK(spec.when == std::vector{after_500, accuracy_95, drift_02});
  CHECK(spec.minimum_labels == 50);
  CHECK(spec.cooldown == 1min);
  CHECK(spec.groups == 4);
  spec = read(R"({"when": "drift > 0.2", "window": 20})", problems);
  CHECK(problems.empty());
  CHECK(spec.when == std::vector{drift_02});
  CHECK(spec.minimum_labels == 20);
  spec = read(R"({"when": [{"after": "500 labels"}, "accuracy < 0.95"]})", problems);
  CHECK(problems.empty());
  CHECK(spec.when == std::vector{after_500, accuracy_95});
  read(R"({"when": [{"after": "500 labels", "befor": "1"}]})", problems);
  CHECK(problems.size() == 1);
  problems.clear();
  CHECK(read("{}", problems).when.empty());
  CHECK(problems.empty());
}

TEST_CASE("read_feedback: all problems at once, each with its place") {
  std::vector<std::string> problems;
  read(
      R"({"window": 0, "when": ["accuracy > 0.9", "drift > 0.2", "drift>0.2"], "cooldown": "fast", "windw": 3})",
      problems);
  REQUIRE(problems.size() == 5);
  CHECK(problems[0].starts_with("/window: "));
  CHECK(problems[1] ==
        "/when: expected \"<\" behind accuracy, as in \"accuracy < 0.95\", got \"accuracy > 0.9\"");
  CHECK(problems[2] == "/when: the rule \"drift>0.2\" stands there twice");
  CHECK(problems[3].starts_with("/cooldown: "));
  CHECK(problems[4].starts_with("/windw: unknown key"));
}

TEST_CASE("due: a table of rules and states") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Row {
    const char* name;
    std::vector<RetrainRule> rules;
    FeedbackState state;
    std::string reason;  // empty: none
  };
  const std::vector<Row> table{
      {"no rules", {}, {9, 1000, 0.1, 500, 9.0, "x", {}}, ""},
      {"one label short", {after_500}, {9, 499, {}, 0, {}, "", {}}, ""},
      {"enough labels",
       {after_500},
       {9, 500, {}, 0, {}, "", {}},
       "after: 500 labels: 500 new labels"},
      {"accurate", {accuracy_95}, {9, 100, 0.95, 100, {}, "", {}}, ""},
      {"inaccurate",
       {accuracy_95},
       {9, 100, 0.94, 100, {}, "", {}},
       "accuracy < 0.95: accuracy 0.94 over the last 100 labels"},
      {"inaccurate, few new labels", {accuracy_95}, {9, 9, 0.1, 100, {}, "", {}}, ""},
      {"inaccurate, few labels in the window", {accuracy_95}, {9, 100, 0.1, 9, {}, "", {}}, ""},
      {"no accuracy", {accuracy_95}, {9, 100, {}, 100, {}, "", {}}, ""},
      {"at the bound", {drift_02}, {9, 100, {}, 0, 0.2, "", {}}, ""},
      {"drifted",
       {drift_02},
       {9, 100, {}, 0, 0.3, "features 0 to 3", {}},
       "drift > 0.2: drift 0.3 of features 0 to 3"},
      {"drifted, few new labels", {drift_02}, {9, 9, {}, 0, 0.3, "", {}}, ""},
      {"the first that holds",
       {drift_02, after_500},
       {9, 600, {}, 0, 0.3, "", {}},
       "drift > 0.2: drift 0.3"},
      {"NaN does not trigger", {accuracy_95, drift_02}, {9, 100, nan, 100, nan, "", {}}, ""},
      {"NaN hides no other rule",
       {accuracy_95, drift_02, after_500},
       {9, 500, nan, 100, nan, "", {}},
       "after: 500 labels: 500 new labels"},
      {"within the cooldown", {after_500}, {9, 500, {}, 0, {}, "", 59s}, ""},
      {"behind the cooldown",
       {after_500},
       {9, 500, {}, 0, {}, "", 60s},
       "after: 500 labels: 500 new labels"},
  };
  for (const Row& row : table) {
    CAPTURE(row.name);
    const auto trigger = due(row.state, with(row.rules));
    CHECK((trigger ? trigger->reason : std::string{}) == row.reason);
    if (trigger) CHECK(trigger->rowid == 9);
  }
}
