#include "actors/feedback/feedback.hpp"

#include <capnp/message.h>

#include <fstream>

#include "actors/feedback/drift_reference.hpp"
#include "actors/feedback/feedback_news.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/feedback.capnp.h"
#include "serialization/schema/training.capnp.h"
#include "tests/actors/feedback/store_fixture.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

namespace {

/// What the stand-in for the coordinator has heard, and how many of them it refuses to hear.
struct Heard {
  std::vector<std::pair<std::int64_t, std::string>> wanted;
  int deaf = 0;
};

class Listener final : public Actor {
 public:
  explicit Listener(Heard& heard) : heard_{heard} {}
  void handles(Handlers& on) override {
    on.ask<wire::RetrainWanted>([this](const Frame& frame, Reply reply) {
      if (heard_.deaf-- > 0) return reply.refuse("busy");
      read_head<wire::RetrainWanted>(frame, [&](wire::RetrainWanted::Reader head) {
        heard_.wanted.emplace_back(head.getRowid(), head.getReason().cStr());
      });
      reply.answer(make_frame<wire::FeedbackDone>([](wire::FeedbackDone::Builder) {}));
    });
  }

 private:
  Heard& heard_;
};

class Observer final : public Actor {
 public:
  Observer(std::vector<FeedbackSeen>& seen, std::vector<std::string>& faults)
      : seen_{seen}, faults_{faults} {}
  void handles(Handlers& on) override {
    on.tell<wire::JobNews>([this](const Frame& frame) {
      read_head<wire::JobNews>(frame, [&](wire::JobNews::Reader head) {
        const JobEvent event = from_json(head.getLine().cStr()).event;
        if (const auto* notice = std::get_if<Notice>(&event); notice && notice->level == "error")
          return faults_.push_back(notice->text);
        seen_.push_back(std::get<FeedbackSeen>(event));
      });
    });
  }

 private:
  std::vector<FeedbackSeen>& seen_;
  std::vector<std::string>& faults_;
};

Frame rows_frame(std::int64_t first, std::int64_t last, std::size_t row_bytes = 4) {
  const auto count = static_cast<std::size_t>(last - first + 1);
  const std::vector<std::byte> inputs(count * row_bytes, std::byte{7});
  std::vector<float> outputs;
  for (std::size_t i = 0; i < count; ++i) outputs.insert(outputs.end(), {0.2F, 0.8F});
  return make_frame<wire::RecordPredictions>(
      [&](wire::RecordPredictions::Builder head) {
        head.setVersion("v1");
        head.setType(wire::RecordPredictions::RowType::U8);
        auto rows = head.initRows(static_cast<unsigned>(count));
        for (unsigned i = 0; i < rows.size(); ++i) {
          rows[i].setId("p" + std::to_string(first + i));
          rows[i].setPredicted(1);
          rows[i].setConfidence(0.8);
        }
        head.setInputs(0);
        head.setOutputs(1);
      },
      inputs, outputs);
}

Frame label_frame(std::int64_t number, std::int64_t is) {
  return make_frame<wire::AddFeedback>([&](wire::AddFeedback::Builder head) {
    head.setId("p" + std::to_string(number));
    head.setLabel(is);
  });
}

Frame snapshot_frame(std::int64_t n, const std::string& file) {
  return make_frame<wire::Snapshot>([&](wire::Snapshot::Builder head) {
    head.setN(n);
    head.setFile(file);
  });
}

using Result = wire::FeedbackAdded::Result;

struct Fixture {
  TemporaryFolder folder;
  std::string path = folder.path() + "/f.db";
  Heard heard;
  std::vector<FeedbackSeen> seen;
  std::vector<std::string> faults;
  std::map<std::string, ParameterValue> with{
      {"store", path},
      {"model", std::string{"digits"}},
      {"coordinator", std::string{"/coordinator"}},
      {"observer", std::string{"/observer"}},
      {"feedback", std::string{R"({"window": 10, "when": ["after: 3 labels"], "cooldown": "1m"})"}},
      {"reference", std::string{}},
      {"max_predictions", std::int64_t{1000}},
      {"limit_bytes", std::int64_t{0}},
      {"max_waiting", std::int64_t{100}},
      {"max_waiting_bytes", std::int64_t{1} << 20},
      {"retry", Duration{5s}}};
  Registry registry;
  std::optional<TestNode> node;

  Fixture() {
    add_feedback_types(registry);
    ActorType listener;
    listener.name = "listener";
    listener.help = "Stands in for the coordinator.";
    listener.make = [this](Context&, const Parameters&) {
      return std::make_unique<Listener>(heard);
    };
    registry.add(std::move(listener));
    ActorType observer;
    observer.name = "observer";
    observer.help = "Stands in for whoever follows the run.";
    observer.make = [this](Context&, const Parameters&) {
      return std::make_unique<Observer>(seen, faults);
    };
    registry.add(std::move(observer));
  }
  void start() {
    node.emplace(registry);
    ChildSpec feedback, coordinator, observer;
    feedback.name = "feedback";
    feedback.type = feedback_type;
    feedback.parameters = Parameters{with};
    coordinator.name = "coordinator";
    coordinator.type = "listener";
    SupervisorSpec root;
    observer.name = observer.type = "observer";
    root.children = {observer, coordinator, feedback};
    node->start(root);
  }
  template <class T>
  Answer ask(Frame frame) {
    const auto answer = node->ask<T>("/feedback", std::move(frame));
    REQUIRE(answer.has_value());
    return *answer;
  }
  std::string refusal(const Answer& answer) {
    REQUIRE_FALSE(answer.ok());
    return answer.failure().text;
  }
  std::size_t record(std::int64_t first, std::int64_t last) {
    std::size_t added = 0;
    read_head<wire::PredictionsRecorded>(
        ask<wire::RecordPredictions>(rows_frame(first, last)).frame(),
        [&](auto head) { added = head.getAdded(); });
    return added;
  }
  static Result result_of(const Answer& answer) {
    Result result{};
    read_head<wire::FeedbackAdded>(answer.frame(), [&](auto head) { result = head.getResult(); });
    return result;
  }
  Result say(std::int64_t number, std::int64_t is) {
    return result_of(ask<wire::AddFeedback>(label_frame(number, is)));
  }
  template <class Look>
  void status(Look look) {
    const Answer answer = ask<wire::FeedbackStatusRequest>(
        make_frame<wire::FeedbackStatusRequest>([](wire::FeedbackStatusRequest::Builder) {}));
    read_head<wire::FeedbackStatus>(answer.frame(), look);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Feedback: it records, takes verdicts, and says how things stand") {
  start();
  CHECK(record(1, 5) == 5);
  CHECK(record(4, 6) == 1);
  CHECK(say(1, 1) == Result::ACCEPTED);
  CHECK(say(1, 1) == Result::KNOWN);
  CHECK(say(1, 0) == Result::REPEATED);
  CHECK(say(9, 1) == Result::UNKNOWN);
  CHECK(say(2, 2) == Result::INVALID);
  CHECK(say(2, 0) == Result::ACCEPTED);
  status([](wire::FeedbackStatus::Reader head) {
    CHECK(head.getModel() == "digits");
    CHECK(head.getPredictions() == 6);
    CHECK(head.getLabels() == 2);
    CHECK(head.getLastRowid() == 2);
    CHECK(head.getNewLabels() == 2);
    CHECK(head.getAccuracy() == 0.5);
    CHECK_FALSE(head.getHasDrift());
    CHECK(std::isnan(head.getClassDrift()));
    CHECK_FALSE(head.getHasTrigger());
  });
}

TEST_CASE_FIXTURE(
    Fixture, "Feedback: what waits is one batch, and is answered when it is on the disk (FEED-1)") {
  start();
  record(1, 20);
  std::vector<Result> results;
  for (std::int64_t i = 1; i <= 20; ++i) {
    node->core().ask(
        node->ref("/feedback"), MessageType::of<wire::AddFeedback>(), label_frame(i, 1), 5s,
        [&](const Answer& answer) {
          results.push_back(result_of(answer));
          // Another connection sees it by now.
          CHECK(FeedbackStore{path}.counts().labels >= static_cast<std::int64_t>(results.size()));
        });
  }
  CHECK(results.empty());
  node->run();
  CHECK(results == std::vector<Result>(20, Result::ACCEPTED));
}

TEST_CASE_FIXTURE(Fixture,
                  "Feedback: more than may wait is refused, and nothing of it is kept (FEED-2)") {
  with["max_waiting"] = std::int64_t{5};
  with["max_waiting_bytes"] = std::int64_t{2000};
  start();
  record(1, 8);
  int accepted = 0, refused = 0;
  for (std::int64_t i = 1; i <= 8; ++i) {
    node->core().ask(
        node->ref("/feedback"), MessageType::of<wire::AddFeedback>(), label_frame(i, 1), 5s,
        [&](const Answer& answer) {
          ++(answer.ok() ? accepted : refused);
          if (!answer.ok())
            CHECK(answer.failure().text.starts_with("/feedback: overloaded: 5 messages"));
        });
  }
  node->run();
  CHECK(accepted + refused == 8);
  CHECK(refused > 0);
  status([&](wire::FeedbackStatus::Reader head) { CHECK(head.getLabels() == accepted); });
  CHECK(refusal(ask<wire::RecordPredictions>(rows_frame(100, 200))).find("overloaded") !=
        std::string::npos);
  CHECK(record(9, 10) == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "Feedback: the coordinator is asked until it answers, and once more after a "
                  "restart if it had not (FEED-3)") {
  heard.deaf = 3;
  start();
  record(1, 20);
  for (std::int64_t i = 1; i <= 3; ++i) say(i, 1);
  CHECK(heard.wanted.empty());
  status([](wire::FeedbackStatus::Reader head) {
    CHECK(head.getHasTrigger());
    CHECK(head.getTrigger().getRowid() == 3);
    CHECK_FALSE(head.getAcknowledged());
    CHECK(head.getNewLabels() == 0);
  });
  node->advance(5s);
  CHECK(heard.wanted.empty());
  node->kill("/feedback");
  node->run();
  CHECK(heard.wanted.empty());  // it was asked at once, the third time
  node->advance(5s);
  const std::vector<std::pair<std::int64_t, std::string>> once{
      {3, "after: 3 labels: 3 new labels"}};
  CHECK(heard.wanted == once);
  status([](wire::FeedbackStatus::Reader head) { CHECK(head.getAcknowledged()); });
  node->kill("/feedback");
  node->advance(1min);
  CHECK(heard.wanted == once);
}

TEST_CASE_FIXTURE(Fixture,
                  "Feedback: a rule that holds within the cooldown triggers when it is over") {
  start();
  record(1, 20);
  for (std::int64_t i = 1; i <= 7; ++i) say(i, 1);
  CHECK(heard.wanted.size() == 1);
  node->advance(59s);
  CHECK(heard.wanted.size() == 1);
  node->advance(2s);
  REQUIRE(heard.wanted.size() == 2);
  CHECK(heard.wanted[1].first == 7);
}

TEST_CASE_FIXTURE(Fixture, "Feedback: a snapshot is written to a file, but not over the store") {
  start();
  record(1, 5);
  say(3, 1);
  say(1, 0);
  const std::string file = folder.path() + "/extra.csv";
  const Answer answer = ask<wire::Snapshot>(snapshot_frame(2, file));
  read_head<wire::SnapshotWritten>(answer.frame(),
                                   [](auto head) { CHECK(head.getRecords() == 2); });
  std::ifstream in{file};
  CHECK(std::string{std::istreambuf_iterator<char>{in}, {}} == "7,7,7,7,1\n7,7,7,7,0\n");
  CHECK(
      refusal(ask<wire::Snapshot>(snapshot_frame(3, file))).find("expected a rowid from 0 to 2") !=
      std::string::npos);
  for (const char* end : {"", "-wal", "-shm"})
    CHECK(refusal(ask<wire::Snapshot>(snapshot_frame(2, path + end))).find("not the store's own") !=
          std::string::npos);
  CHECK(refusal(ask<wire::Snapshot>(snapshot_frame(2, folder.path() + "/./f.db")))
            .find("not the store's own") != std::string::npos);
  CHECK(say(2, 1) == Result::ACCEPTED);
}

TEST_CASE_FIXTURE(Fixture,
                  "Feedback: a new version brings its reference, and drift shows against it") {
  with["feedback"] = std::string{R"({"window": 10})"};
  start();
  const DriftReference reference{4, {{{100}, {0, 10}}}, {5, 5}};
  const auto order = [](const std::string& json) {
    return make_frame<wire::NewReference>([&](wire::NewReference::Builder head) {
      head.setVersion("v1");
      head.setReference(json);
    });
  };
  CHECK(ask<wire::NewReference>(order(reference.json())).ok());
  record(1, 10);
  status([](wire::FeedbackStatus::Reader head) {
    CHECK(head.getVersion() == "v1");
    CHECK(head.getHasDrift());
    REQUIRE(head.getGroupDrift().size() == 1);
    CHECK(head.getGroupDrift()[0] > 0.25);
    CHECK(head.getClassDrift() > 0.1);
  });
  CHECK(refusal(ask<wire::NewReference>(order("[]"))).find("expected a map") != std::string::npos);
}

TEST_CASE_FIXTURE(
    Fixture, "Feedback: how it stands is among the metrics, and told, but not with each label") {
  with["feedback"] = std::string{R"({"window": 4})"};
  start();
  const auto shows = [this](const std::string& series) {
    return node->core().metrics().find(series + '\n') != std::string::npos;
  };
  record(1, 3);
  CHECK(seen.empty());
  CHECK(shows("troupe_feedback_accuracy{model=\"digits\"} NaN"));
  say(1, 1);
  say(2, 0);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].labels == 1);
  CHECK(seen[0].accuracy == 1);
  CHECK(std::isnan(seen[0].drift));
  node->advance(FeedbackNews::every);
  REQUIRE(seen.size() == 2);
  CHECK(seen[1].labels == 2);
  CHECK(shows("troupe_feedback_predictions_total{model=\"digits\"} 3"));
  CHECK(shows("troupe_feedback_verdicts_total{model=\"digits\"} 2"));
  CHECK(shows("troupe_feedback_accuracy{model=\"digits\"} 0.5"));
  CHECK(shows("troupe_feedback_new_labels{model=\"digits\"} 2"));
  const DriftReference reference{4, {{{100}, {0, 10}}}, {5, 5}};
  ask<wire::NewReference>(make_frame<wire::NewReference>(
      [&](wire::NewReference::Builder head) { head.setReference(reference.json()); }));
  record(4, 7);
  const std::string drift = "troupe_feedback_drift{model=\"digits\",of=\"";
  CHECK(node->core().metrics().find(drift + "features 0 to 3\"} 4.479") != std::string::npos);
  CHECK(node->core().metrics().find(drift + "predicted classes\"} 0.878") != std::string::npos);
  node->advance(FeedbackNews::every);
  say(4, 1);
  REQUIRE(seen.size() == 3);
  CHECK(seen[2].drift > 2);
  say(5, 1);
  node->stop();
  REQUIRE(seen.size() == 4);
  CHECK(seen[3].labels == 4);
}

TEST_CASE_FIXTURE(
    Fixture,
    "Feedback: rows that do not fit are refused alone, malformed frames cost nothing else") {
  start();
  record(1, 2);
  int added = 0, refused = 0;
  const auto send = [&](Frame frame) {
    node->core().ask(node->ref("/feedback"), MessageType::of<wire::RecordPredictions>(),
                     std::move(frame), 5s,
                     [&](const Answer& answer) { ++(answer.ok() ? added : refused); });
  };
  send(rows_frame(3, 4));
  send(rows_frame(5, 6, 8));
  send(rows_frame(7, 8));
  send(Frame{});
  send(make_frame<wire::RecordPredictions>([](wire::RecordPredictions::Builder head) {
    head.initRows(1)[0].setId("x"), head.setInputs(3);
  }));
  node->run();
  CHECK(added == 2);
  CHECK(refused == 3);
  status([](wire::FeedbackStatus::Reader head) { CHECK(head.getPredictions() == 6); });
  CHECK(node->incarnation("/feedback") != 0);
}

TEST_CASE_FIXTURE(Fixture, "Feedback: a full store refuses, and the actor goes on") {
  with["limit_bytes"] = std::int64_t{128} << 10;
  start();
  const std::uint64_t before = node->incarnation("/feedback");
  std::int64_t next = 1;
  std::optional<Answer> answer;
  do {
    answer = ask<wire::RecordPredictions>(rows_frame(next, next + 49));
    next += 50;
  } while (answer->ok() && next < 100'000);
  CHECK(refusal(*answer).find("full") != std::string::npos);
  CHECK(say(1, 1) == Result::ACCEPTED);
  CHECK(node->incarnation("/feedback") == before);
}

TEST_CASE_FIXTURE(Fixture,
                  "Feedback: it does not start with a faulty section or store, and says why once a "
                  "second") {
  const auto exit_of = [&] {
    faults.clear();
    start();
    CHECK(faults.size() == 1);
    CHECK_FALSE(node->last_exit("/feedback").has_value());
    node->advance(1s + 5ms);
    CHECK(faults.size() == 2);
    CHECK(faults.front().starts_with("/feedback: "));
    return faults.front();
  };
  with["feedback"] = std::string{R"({"when": ["accuracy > 1"]})"};
  CHECK(exit_of().find("feedback/when: expected") != std::string::npos);
  with["feedback"] = std::string{"{}"};
  std::ofstream{path} << std::string(5000, 'x');
  CHECK(exit_of().find("not a database") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "Feedback: asked to stop, it first keeps what it was told") {
  start();
  record(1, 3);
  bool accepted = false;
  node->core().ask(node->ref("/feedback"), MessageType::of<wire::AddFeedback>(), label_frame(1, 1),
                   5s, [&](const Answer& answer) { accepted = answer.ok(); });
  node->stop();
  CHECK(accepted);
  CHECK_FALSE(node->running("/feedback"));
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  CHECK(FeedbackStore{path}.counts().labels == 1);
}
