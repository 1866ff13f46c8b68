#include "actors/evaluator/evaluator.hpp"

#include <chrono>

#include "actors/evaluator/evaluate_part.hpp"
#include "actors/evaluator/evaluation_messages.hpp"
#include "runtime/base/error.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/schema/evaluation.capnp.h"
#include "tests/actors/model/trained.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

struct Fixture {
  Fixture() {
    Training training;
    training.steps = 30;
    train(training, stripes(300, 4), checkpoint);
    add_evaluator_types(
        registry,
        [this](std::shared_ptr<const SavedModel> model, const std::string& data,
               std::string_view split) -> std::unique_ptr<RowSource> {
          ++opened;
          if (data != "prepared" || split != "test")
            throw Error{ErrorCode::bad_input, data + ": expected a split, got none"};
          return std::make_unique<MemoryRows>(std::move(model), shown.features, shown.labels);
        });
    node = std::make_unique<TestNode>(registry);
    ChildSpec child;
    child.name = "evaluator";
    child.type = "evaluator";
    child.parameters = Parameters{{{"coordinator", std::string{}},
                                   {"threads", std::int64_t{1}},
                                   {"backend", std::string{"automatic"}},
                                   {"part_within", Duration{std::chrono::minutes{1}}},
                                   {"gpu", std::int64_t{-1}},
                                   {"plan_cache", std::string{}}}};
    SupervisorSpec root;
    root.children = {child};
    node->start(root);
  }

  Answer ask(const PartOrder& order) {
    const auto answer = node->ask<wire::EvaluatePart>("/evaluator", part_order_frame(order));
    REQUIRE(answer.has_value());
    return *answer;
  }
  PartOrder order(std::uint32_t part = 0, std::uint32_t parts = 1) const {
    return {checkpoint, "prepared", "test", part, parts, R"({"batch": "16", "top_k": 2})"};
  }

  TemporaryFolder folder;
  std::string checkpoint = folder.path() + "/version";
  Samples shown = stripes(100, 4);
  int opened = 0;
  Registry registry;
  std::unique_ptr<TestNode> node;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "evaluator: answers a part's counts, and parts make up the whole") {
  const Answer answer = ask(order());
  REQUIRE(answer.ok());
  const PartCounts whole = read_counts(answer.frame());
  CHECK(whole.step == 30);
  CHECK(whole.counts.count == 100);
  CHECK(metrics_of(whole.counts).value("accuracy") > 0.9);
  std::vector<EvaluationCounts> parts;
  for (std::uint32_t part = 0; part < 3; ++part)
    parts.push_back(read_counts(ask(order(part, 3)).frame()).counts);
  CHECK(merged(parts) == whole.counts);
  CHECK(opened == 1);  // the split that was opened last is kept
}

TEST_CASE_FIXTURE(
    Fixture, "evaluator: what cannot be evaluated is refused with the reason, and it goes on") {
  const auto refusal = [&](const PartOrder& bad) {
    const Answer answer = ask(bad);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.failure().kind == FailureKind::refused);
    CHECK(answer.failure().text.find('\n') == std::string::npos);
    return answer.failure().text;
  };
  const std::uint64_t before = node->incarnation("/evaluator");
  PartOrder bad = order();
  bad.checkpoint = folder.path() + "/nowhere";
  CHECK(refusal(bad).find("/nowhere") != std::string::npos);
  bad = order();
  bad.split = "tset";
  CHECK(refusal(bad).find("expected a split") != std::string::npos);
  bad = order();
  bad.spec = R"({"batch": "0", "gat": "x"})";
  CHECK(refusal(bad).find("evaluate/batch") != std::string::npos);
  CHECK(ask(order()).ok());
  CHECK(node->incarnation("/evaluator") == before);
}

TEST_CASE_FIXTURE(Fixture, "evaluator: a message that is none costs only itself") {
  const std::uint64_t before = node->incarnation("/evaluator");
  const auto answer = node->ask<wire::EvaluatePart>("/evaluator", Frame{});
  REQUIRE(answer.has_value());
  CHECK_FALSE(answer->ok());
  CHECK(ask(order()).ok());
  CHECK(node->incarnation("/evaluator") == before);
}

TEST_CASE_FIXTURE(Fixture, "evaluator: killed, it comes back and answers the same") {
  const Answer before = ask(order());
  node->kill("/evaluator");
  node->run();
  const Answer after = ask(order());
  REQUIRE(after.ok());
  CHECK(std::ranges::equal(before.frame().bytes(), after.frame().bytes()));
}
