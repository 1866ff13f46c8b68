#include "actors/feedback/feedback_monitor.hpp"

#include "runtime/base/error.hpp"
#include "tests/actors/feedback/store_fixture.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

FeedbackSpec spec_of(std::vector<RetrainRule> rules) {
  FeedbackSpec spec;
  spec.window = 4;
  spec.minimum_labels = 2;
  spec.cooldown = 1min;
  spec.when = std::move(rules);
  return spec;
}

// Of rows of four elements, all in one group.
const DriftReference low{4, {{{100}, {10, 0}}}, {10, 0, 0, 0}};

struct Fixture {
  TemporaryFolder folder;
  FeedbackSpec spec = spec_of({{RetrainRule::Kind::after, 3, 0}});
  std::optional<DriftReference> reference;
  TimePoint now{};
  std::optional<FeedbackMonitor> monitor;

  FeedbackMonitor& open() {
    monitor.reset();
    monitor.emplace(FeedbackStore{folder.path() + "/f.db"}, spec, reference, now);
    return *monitor;
  }
  std::vector<bool> record(std::int64_t number, std::byte value, std::string version = "v1") {
    MadePrediction made{number};
    made.input.fill(value);
    Prediction view = made.view();
    view.version = version;
    return monitor->record(std::array{view});
  }
  VerdictResult say(std::int64_t number, std::int64_t is) {
    return monitor->add(std::array{label("p" + std::to_string(number), is)}).front().result;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackMonitor: after a trigger all counters start anew from its rowid") {
  open();
  for (std::int64_t i = 1; i <= 8; ++i) record(i, std::byte{1});
  say(1, 0);
  say(2, 1);
  CHECK(monitor->due(now) == std::nullopt);
  say(3, 0);
  const auto trigger = monitor->due(now);
  REQUIRE(trigger.has_value());
  CHECK(*trigger == Trigger{3, "after: 3 labels: 3 new labels"});
  CHECK(monitor->owed() == trigger);
  MonitorStatus status = monitor->status();
  CHECK(status.new_labels == 0);
  CHECK(status.accuracy == std::nullopt);
  CHECK(status.overall_accuracy == doctest::Approx(2.0 / 3));
  CHECK(monitor->due(now) == std::nullopt);
  for (std::int64_t i = 4; i <= 6; ++i) say(i, 0);
  CHECK(monitor->due(now + 59s) == std::nullopt);
  CHECK(monitor->due(now + 60s)->rowid == 6);
  monitor->acknowledge(3);  // of one that a later one has replaced
  CHECK(monitor->owed()->rowid == 6);
  monitor->acknowledge(6);
  CHECK(monitor->owed() == std::nullopt);
  for (std::int64_t i = 7; i <= 9; ++i) {
    record(i, std::byte{1});
    say(i, 0);
  }
  REQUIRE(monitor->due(now + 5min).has_value());
  CHECK(monitor->owed()->rowid == 9);
}

TEST_CASE_FIXTURE(Fixture, "FeedbackMonitor: made anew on its store it goes on where it was") {
  reference = low;
  open();
  for (std::int64_t i = 1; i <= 8; ++i) record(i, std::byte{1});
  for (std::int64_t i = 1; i <= 3; ++i) say(i, i == 2);
  REQUIRE(monitor->due(now).has_value());
  for (std::int64_t i = 9; i <= 15; ++i) record(i, std::byte{200});
  say(4, 0);
  say(9, 1);
  const MonitorStatus before = monitor->status();
  CHECK(before.new_labels == 2);
  CHECK(before.accuracy == 0.5);
  REQUIRE(before.drift.has_value());
  const MonitorStatus after = open().status();
  CHECK(after.new_labels == 2);
  CHECK(after.window_labels == before.window_labels);
  CHECK(after.accuracy == before.accuracy);
  CHECK(after.overall_accuracy == before.overall_accuracy);
  CHECK(after.window_predictions == before.window_predictions);
  CHECK(after.drift->groups == before.drift->groups);
  CHECK(after.trigger == before.trigger);
  CHECK(monitor->owed()->rowid == 3);
  monitor->acknowledge(3);
  CHECK(open().owed() == std::nullopt);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackMonitor: drift triggers when the window is full, and repeats do not fill it") {
  spec = spec_of({{RetrainRule::Kind::drift, 0, 0.2}});
  reference = low;
  open();
  for (std::int64_t i = 1; i <= 3; ++i) record(i, std::byte{200});
  for (int k = 0; k < 5; ++k) CHECK(record(3, std::byte{200}) == std::vector{false});
  for (std::int64_t i = 1; i <= 3; ++i) say(i, 0);
  CHECK(monitor->due(now) == std::nullopt);
  CHECK(monitor->status().window_predictions == 3);
  record(4, std::byte{200});
  const auto trigger = monitor->due(now);
  REQUIRE(trigger.has_value());
  CHECK(trigger->reason.starts_with("drift > 0.2: drift "));
  CHECK(trigger->reason.ends_with(" of features 0 to 3"));
  CHECK(monitor->status().window_predictions == 0);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackMonitor: with a new version the windows see what is said of its predictions only") {
  open();
  record(1, std::byte{1}, "v1");
  record(2, std::byte{1}, "v1");
  say(1, 0);
  DriftReference high = low;
  high.groups[0].counts = {0, 10};
  monitor->new_reference("v2", high.json());
  CHECK(monitor->status().window_labels == 0);
  say(2, 1);  // of the version before
  record(3, std::byte{200}, "v2");
  record(4, std::byte{1}, "v1");
  say(3, 0);
  const auto check = [&] {
    const MonitorStatus status = monitor->status();
    CHECK(status.version == "v2");
    CHECK(status.window_labels == 1);
    CHECK(status.accuracy == 1.0);
    CHECK(status.overall_accuracy == doctest::Approx(2.0 / 3));
    CHECK(status.new_labels == 3);
    CHECK(status.window_predictions == 1);
  };
  check();
  reference = low;  // the one that came with the version stays
  open();
  check();
  CHECK(code_of([&] { monitor->new_reference("v3", "{"); }) == ErrorCode::bad_input);
  DriftReference other = low;
  other.features = 5;
  CHECK(code_of([&] { monitor->new_reference("v3", other.json()); }) == ErrorCode::bad_input);
  check();
  monitor->new_reference("v3", "");
  CHECK(monitor->status().window_predictions == 0);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackMonitor: rows that are not like the reference's are refused before they are kept") {
  reference = low;
  reference->features = 5;
  open();
  CHECK(monitor->misfit(RowType::u8, 4)->starts_with("expected rows of 5 elements"));
  CHECK(code_of([&] { record(1, std::byte{1}); }) == ErrorCode::bad_input);
  CHECK(monitor->status().counts.predictions == 0);
}
