#include "actors/report/job_event.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {
std::string refusal(std::string_view line) {
  try {
    from_json(line);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return "no error";
}

const std::vector<JobEvent> every_kind{
    StageBegan{Stage::prepare, 60000, "mnist"},
    StageProgress{Stage::evaluate, 3, 10},
    StageEnded{Stage::train, 1.5, "good"},
    StepsDone{10, 100, 0, 5, 0.1, 1e-3, 12345.678},
    Evaluated{"test", 10, {{"loss", 0.3}, {"accuracy", 0.975}}},
    Checkpointed{10, "runs/a/checkpoints/10"},
    GateDecided{"accuracy >= 0.9", true, "accuracy is 0.975"},
    Deployed{"digits", 3, "http://127.0.0.1:8080"},
    FeedbackSeen{17, 0.5, 0.25},
    Notice{"warning", "a \"quoted\"\nline \xc3\xa9"},
    JobEnded{true, 100, "00ff", "", "runs/a"},
};
}  // namespace

TEST_CASE("Job events: every kind comes back from its line") {
  REQUIRE(every_kind.size() == std::variant_size_v<JobEvent>);
  for (std::size_t i = 0; i < every_kind.size(); ++i) {
    const TimedEvent event{1700000000.125, every_kind[i]};
    REQUIRE(event.event.index() == i);
    const std::string line = to_json(event);
    CAPTURE(line);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(from_json(line) == event);
  }
}

TEST_CASE("Job events: a line has its members in a fixed order") {
  CHECK(to_json({2.5, StepsDone{10, 100, 1, 5, 0.1, 1e-3, 8}}) ==
        R"({"at":2.5,"event":"steps_done","step":10,"steps":100,"epoch":1,"epochs":5,"loss":0.1,)"
        R"("learning_rate":0.001,"samples_per_second":8.0})");
  CHECK(
      to_json({0, Evaluated{"test", 3, {{"loss", 0.5}, {"accuracy", 1}}}}) ==
      R"({"at":0.0,"event":"evaluated","split":"test","step":3,"metrics":{"loss":0.5,"accuracy":1.0}})");
}

TEST_CASE("Job events: numbers keep their bits, and those that are not finite are texts") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (const double number : {0.1, -0.0, 1.0 / 3, 5e-324, 1.7976931348623157e308, inf, -inf}) {
    const TimedEvent read = from_json(to_json({0, StageEnded{Stage::train, number, ""}}));
    CHECK(std::bit_cast<std::uint64_t>(std::get<StageEnded>(read.event).seconds) ==
          std::bit_cast<std::uint64_t>(number));
  }
  const std::string line = to_json({0, FeedbackSeen{0, std::nan(""), -inf}});
  CHECK(line == R"({"at":0.0,"event":"feedback","labels":0,"accuracy":"nan","drift":"-inf"})");
  CHECK(std::isnan(std::get<FeedbackSeen>(from_json(line).event).accuracy));
  const TimedEvent large{0, Checkpointed{UINT64_MAX, ""}};
  CHECK(from_json(to_json(large)) == large);
}

TEST_CASE("Job events: bytes that are not UTF-8 do not get out") {
  CHECK(to_json({0, Notice{"info", "a\xff"}}) ==
        "{\"at\":0.0,\"event\":\"notice\",\"level\":\"info\",\"text\":\"a\xef\xbf\xbd\"}");
}

TEST_CASE("Job events: a line that is not one is refused, and the member named") {
  CHECK(refusal("") ==
        "job event: expected one JSON object on a line, got 0 bytes of something else");
  for (const std::string& line :
       {std::string{"[]"}, std::string{"{} {}"}, std::string{R"({"at":1)"},
        std::string{R"({"at":1e999})"}, std::string{"{}\0", 3}, std::string(100000, '['),
        R"({"at":)" + std::string(100000, '[')}) {
    CHECK(refusal(line).starts_with("job event: expected one JSON object"));
  }
  CHECK(refusal("{}") == R"(job event: expected the member "at", got none)");
  CHECK(refusal(R"({"at":1,"event":"other"})") ==
        R"(job event: event: expected a kind such as steps_done, got "other")");
  CHECK(refusal(R"({"at":1,"event":"checkpointed","step":1})") ==
        R"(job event: expected the member "folder", got none)");
  CHECK(refusal(R"({"at":1,"event":"checkpointed","step":-1,"folder":""})") ==
        "job event: step: expected a whole number from 0, got -1");
  CHECK(refusal(R"({"at":1,"event":"checkpointed","step":1.5,"folder":""})") ==
        "job event: step: expected a whole number from 0, got 1.5");
  CHECK(refusal(R"({"at":1,"event":"checkpointed","step":1,"folder":"","more":1})") ==
        R"(job event: checkpointed: unknown member "more")");
  CHECK(refusal(R"({"at":1,"at":1,"event":"checkpointed","step":1,"folder":""})") ==
        R"(job event: the member "at" is there twice)");
  CHECK(refusal(R"({"at":1,"event":"evaluated","split":"","step":1,"metrics":{"a":1,"a":2}})") ==
        R"(job event: the member "a" is there twice)");
  CHECK(refusal(R"({"at":1,"event":"evaluated","split":"","step":1,"metrics":{"a":true}})") ==
        "job event: metrics: a: expected a number, got true");
  CHECK(refusal(R"({"at":1,"event":"stage_began","stage":"rest","total":1,"what":""})") ==
        R"(job event: stage: expected prepare, train, evaluate, deploy or serve, got "rest")");
  CHECK(refusal(R"({"at":1,"event":"gate_decided","rule":"","passed":1,"why":""})") ==
        "job event: passed: expected true or false, got 1");
  CHECK(refusal(R"({"at":"1","event":"notice","level":"","text":""})") ==
        R"(job event: at: expected a number, got "1")");
}
