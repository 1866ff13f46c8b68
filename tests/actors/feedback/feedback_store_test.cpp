#include "actors/feedback/feedback_store.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <limits>
#include <set>

#include "runtime/base/error.hpp"
#include "tests/actors/feedback/store_fixture.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

struct Fixture {
  TemporaryFolder folder;
  std::string path = folder.path() + "/feedback.db";

  VerdictResult say(FeedbackStore& store, const Verdict& verdict) {
    return store.add_feedback(verdict).result;
  }
  std::string bytes() const {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
  }
};

std::string snapshot_of(const FeedbackStore& store, std::int64_t n) {
  std::string text;
  store.snapshot(n, [&](const LabelledRecord& record) {
    text += std::to_string(record.rowid) + ' ' + std::string{record.prediction.id} + ' ' +
            std::to_string(record.label) + ' ';
    for (const std::byte byte : record.prediction.input)
      text += std::to_string(std::to_integer<int>(byte)) + ' ';
  });
  return text;
}

/// Adds predictions and feedback without end; says of each call that returned what it has added.
[[noreturn]] void add_for_ever(const std::string& path, int out) {
  try {
    FeedbackStore store{path};
    for (std::int64_t i = 0;; ++i) {
      add(store, i * 2, i * 2 + 1);
      const std::array verdicts{label("p" + std::to_string(i * 2), i % 4),
                                rating("p" + std::to_string(i * 2 + 1), 1)};
      const auto outcomes = store.add_feedback(verdicts);
      for (std::size_t k = 0; k < verdicts.size(); ++k) {
        if (outcomes[k].result != VerdictResult::accepted) ::_exit(3);
        const std::string line = verdicts[k].id + '\n';
        if (::write(out, line.data(), line.size()) < 0) ::_exit(4);
      }
    }
  } catch (...) {
  }
  ::_exit(5);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackStore: a verdict is accepted once, for a prediction that is known") {
  FeedbackStore store{path};
  CHECK(add(store, 1, 4, 2) == 4);
  CHECK(add(store, 3, 5, 2) == 1);  // those that are there are passed over
  const VerdictOutcome right = store.add_feedback(label("p1", 2));
  CHECK(right.result == VerdictResult::accepted);
  CHECK(right.rowid == 1);
  CHECK(right.right == true);
  CHECK(right.version == "v1");
  CHECK(store.add_feedback(label("p2", 3)).right == false);
  CHECK(say(store, label("p1", 2)) == VerdictResult::known);
  CHECK(say(store, label("p1", 3)) == VerdictResult::repeated);
  CHECK(say(store, label("p1", 4)) == VerdictResult::invalid);
  CHECK(say(store, rating("p1", 1)) == VerdictResult::repeated);
  CHECK(say(store, label("nobody", 1)) == VerdictResult::unknown);
  CHECK(say(store, label("", 1)) == VerdictResult::unknown);
  CHECK(say(store, label(std::string(1000, 'x'), 1)) == VerdictResult::unknown);
  for (const std::int64_t wrong : {-1, 4})
    CHECK(say(store, label("p3", wrong)) == VerdictResult::invalid);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double wrong : {-0.1, 1.1, nan})
    CHECK(say(store, rating("p3", wrong)) == VerdictResult::invalid);
  CHECK(say(store, Verdict{"p3", 1, 1.0}) == VerdictResult::invalid);
  CHECK(say(store, Verdict{"p3"}) == VerdictResult::invalid);
  CHECK(store.add_feedback(rating("p3", 0.5)).right == std::nullopt);
  CHECK(say(store, rating("p3", 0.5)) == VerdictResult::known);
  CHECK(say(store, rating("p3", 0.25)) == VerdictResult::repeated);
  CHECK(say(store, label("p3", 0)) == VerdictResult::repeated);
  const StoreCounts counts = store.counts();
  CHECK(counts.predictions == 5);
  CHECK(counts.feedback == 3);
  CHECK(counts.labels == 2);
  CHECK(counts.right == 1);
  CHECK(counts.last_feedback == 3);
}

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackStore: within one batch the first verdict on a prediction counts") {
  FeedbackStore store{path};
  add(store, 1, 2);
  const auto outcomes = store.add_feedback(
      std::array{label("p1", 0), label("p1", 1), label("p9", 1), label("p2", 1), label("p2", 1)});
  CHECK(outcomes[0].result == VerdictResult::accepted);
  CHECK(outcomes[1].result == VerdictResult::repeated);
  CHECK(outcomes[2].result == VerdictResult::unknown);
  CHECK(outcomes[3].rowid == 2);
  CHECK(outcomes[4].result == VerdictResult::known);
}

TEST_CASE_FIXTURE(Fixture, "FeedbackStore: all that was there is there again") {
  {
    FeedbackStore store{path};
    add(store, 1, 3, 1);
    store.add_feedback(label("p2", 3));
    store.keep_notes(std::array{FeedbackStore::Note{"a", "x"}, FeedbackStore::Note{"b", "y"}});
    store.keep_notes(std::array{FeedbackStore::Note{"a", "z"}});
  }
  const FeedbackStore store{path};
  CHECK(store.counts().predictions == 3);
  CHECK(store.find_note("a") == "z");
  CHECK(store.find_note("b") == "y");
  CHECK(store.find_note("c") == std::nullopt);
  std::int64_t seen = 0;
  store.snapshot(1, [&](const LabelledRecord& record) {
    ++seen;
    const MadePrediction made{2, 1};
    CHECK(record.label == 3);
    CHECK(record.prediction.id == "p2");
    CHECK(record.prediction.version == "v1");
    CHECK(record.prediction.predicted == 1);
    CHECK(record.prediction.confidence == 0.7);
    CHECK(std::ranges::equal(record.prediction.input, made.input));
    CHECK(std::ranges::equal(record.prediction.outputs, made.outputs));
  });
  CHECK(seen == 1);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackStore: of predictions without feedback the oldest are given up, labelled ones stay") {
  FeedbackStore store{path, {.max_predictions = 5}};
  add(store, 1, 3);
  store.add_feedback(label("p1", 0));
  add(store, 4, 9);
  CHECK(store.counts().predictions == 6);
  CHECK(say(store, label("p4", 0)) == VerdictResult::unknown);
  CHECK(say(store, label("p5", 0)) == VerdictResult::accepted);
  CHECK(say(store, label("p1", 0)) == VerdictResult::known);
  std::vector<std::string> last;
  store.last_predictions(0, 3, {}, [&](const Prediction& one) { last.emplace_back(one.id); });
  CHECK(last == std::vector<std::string>{"p7", "p8", "p9"});
}

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackStore: a snapshot is the same whatever is said meanwhile (STORE-2)") {
  FeedbackStore store{path, {.max_predictions = 10}};
  FeedbackStore other{path, {.max_predictions = 10}};
  add(store, 1, 10);
  store.add_feedback(std::array{label("p7", 1), rating("p2", 1), label("p3", 2), label("p1", 3)});
  const std::string before = snapshot_of(store, 3);
  CHECK(before.starts_with("1 p7 1 "));
  CHECK(before.find("p1 ") == std::string::npos);
  std::int64_t next = 11;
  std::string during;
  store.snapshot(3, [&](const LabelledRecord& record) {
    during += std::to_string(record.rowid) + ' ';
    add(other, next, next + 10);
    other.add_feedback(label("p" + std::to_string(next), 1));
    next += 11;
  });
  CHECK(during == "1 3 ");
  CHECK(snapshot_of(store, 3) == before);
  CHECK(snapshot_of(other, 3) == before);
  CHECK(snapshot_of(store, 0).empty());
  CHECK(code_of([&] { snapshot_of(store, 1000); }) == ErrorCode::bad_input);
  CHECK(code_of([&] { snapshot_of(store, -1); }) == ErrorCode::bad_input);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackStore: two writers share one file, and a verdict of one is known to the other") {
  FeedbackStore one{path}, two{path};
  for (std::int64_t i = 0; i < 20; ++i) {
    add(one, i * 2, i * 2);
    add(two, i * 2 + 1, i * 2 + 1);
    CHECK(two.add_feedback(label("p" + std::to_string(i * 2), 0)).rowid == i * 2 + 1);
    CHECK(one.add_feedback(label("p" + std::to_string(i * 2 + 1), 0)).rowid == i * 2 + 2);
    CHECK(say(one, label("p" + std::to_string(i * 2), 0)) == VerdictResult::known);
    CHECK(say(one, label("p" + std::to_string(i * 2), 1)) == VerdictResult::repeated);
  }
  CHECK(one.counts().labels == 40);
  CHECK(snapshot_of(one, 40) == snapshot_of(two, 40));
}

TEST_CASE_FIXTURE(
    Fixture, "FeedbackStore: a malformed prediction is refused, and none of its batch is kept") {
  FeedbackStore store{path};
  add(store, 1, 1);
  const MadePrediction good{2};
  const auto refused = [&](auto spoil) {
    Prediction bad = MadePrediction{3}.view();
    const MadePrediction made{3};
    bad = made.view();
    spoil(bad);
    CHECK(code_of([&] {
            store.add_predictions(std::array{good.view(), bad});
          }) == ErrorCode::bad_input);
  };
  const std::string long_id(65, 'x');
  refused([](Prediction& p) { p.id = ""; });
  refused([&](Prediction& p) { p.id = long_id; });
  refused([](Prediction& p) { p.input = {}; });
  refused([](Prediction& p) { p.input = p.input.first(3); });
  refused([](Prediction& p) { p.type = RowType::f32; });
  refused([](Prediction& p) { p.predicted = 4; });
  refused([](Prediction& p) { p.predicted = -1; });
  CHECK(store.counts().predictions == 1);
  CHECK(store.misfit(RowType::u8, 4) == std::nullopt);
  CHECK(store.misfit(RowType::u8, 5)->starts_with("expected rows of 4 u8"));
}

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackStore: a full store refuses, keeps what it has acknowledged, and goes "
                  "on when it may") {
  std::int64_t kept = 0;
  {
    FeedbackStore store{path, {.limit_bytes = 128 * 1024}};
    const ErrorCode code = code_of([&] {
      for (std::int64_t i = 1; i < 100'000; i += 50) {
        add(store, i, i + 49);
        kept = i + 49;
      }
    });
    CHECK(code == ErrorCode::exhausted);
    CHECK(kept > 50);
    CHECK(store.counts().predictions == kept);
    CHECK(say(store, label("p1", 0)) == VerdictResult::accepted);  // there may be room for little
  }
  FeedbackStore store{path};
  CHECK(store.counts().predictions == kept);
  add(store, kept + 1, kept + 50);
  CHECK(store.counts().predictions == kept + 50);
}

TEST_CASE_FIXTURE(Fixture,
                  "FeedbackStore: a newer format, another database and a damaged file are refused "
                  "and left as they are") {
  {
    FeedbackStore store{path};
    add(store, 1, 200);
    store.add_feedback(label("p1", 0));
  }
  const std::string good = bytes();
  const auto refused = [&](const std::string& bad, ErrorCode code) {
    write(bad);
    CHECK(code_of([&] { FeedbackStore store{path}; }) == code);
    CHECK(bytes() == bad);
  };
  std::string newer = good;
  newer[63] = 7;  // user_version: a big-endian u32 at 60
  refused(newer, ErrorCode::unsupported);
  std::string foreign = good;
  foreign[71] = 'X';  // application_id, at 68
  refused(foreign, ErrorCode::bad_input);
  std::string damaged = good;
  for (std::size_t i = 4096 * 2; i < damaged.size() && i < 4096 * 6; i += 64) damaged[i] = '\x55';
  refused(damaged, ErrorCode::corrupted);
  refused(good.substr(0, good.size() / 2), ErrorCode::corrupted);
  refused(
      "no database at all, but some text that is longer than the header of one, which has 100 "
      "bytes in it",
      ErrorCode::corrupted);
  write(good);
  CHECK(FeedbackStore{path}.counts().predictions == 200);
  CHECK(code_of([&] { FeedbackStore store{folder.path() + "/none/feedback.db"}; }) ==
        ErrorCode::bad_input);
}

TEST_CASE_FIXTURE(Fixture, "FeedbackStore: a record whose bytes have changed is not given out") {
  {
    FeedbackStore store{path};
    const MadePrediction made{1, 0, "an-id-to-be-found"};
    store.add_predictions(std::array{made.view()});
    store.add_feedback(label("an-id-to-be-found", 0));
  }
  std::string changed = bytes();
  const MadePrediction made{1};
  const std::string row{reinterpret_cast<const char*>(made.input.data()), made.input.size()};
  const std::size_t at =
      changed.find(row + std::string{reinterpret_cast<const char*>(made.outputs.data()), 16});
  REQUIRE(at != std::string::npos);
  changed[at] = '\x7F';
  write(changed);
  const FeedbackStore store{path};
  CHECK(code_of([&] { snapshot_of(store, 1); }) == ErrorCode::corrupted);
}

TEST_CASE_FIXTURE(
    Fixture,
    "FeedbackStore: what was acknowledged is there after SIGKILL at any moment (STORE-1)") {
  std::mt19937 random{20'260'101};
  for (int round = 0; round < 5; ++round) {
    CAPTURE(round);
    path = folder.path() + "/killed" + std::to_string(round) + ".db";
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) add_for_ever(path, ends[1]);
    ::close(ends[1]);
    const std::size_t enough =
        20 + random() % 600;  // bytes of what it says, then it dies wherever it is
    std::string said;
    bool killed = false;
    char buffer[64];
    for (;;) {
      if (!killed && said.size() >= enough) killed = ::kill(child, SIGKILL) == 0;
      pollfd polled{ends[0], POLLIN, 0};
      REQUIRE(::poll(&polled, 1, 60'000) == 1);
      const ssize_t got = ::read(ends[0], buffer, 1 + random() % sizeof buffer);
      if (got <= 0) break;
      said.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));

    FeedbackStore store{path};
    std::size_t acknowledged = 0;
    for (std::size_t from = 0, end; (end = said.find('\n', from)) != std::string::npos;
         from = end + 1) {
      ++acknowledged;
      const VerdictResult again = say(store, label(said.substr(from, end - from), 0));
      CHECK((again == VerdictResult::known || again == VerdictResult::repeated));
    }
    CHECK(acknowledged > 0);
    const StoreCounts counts = store.counts();
    CHECK(counts.feedback >= static_cast<std::int64_t>(acknowledged));
    CHECK(counts.feedback <= static_cast<std::int64_t>(acknowledged) + 2);
    CHECK(counts.feedback % 2 == 0);  // a batch is whole
    add(store, 1'000'000, 1'000'001);
    CHECK(store.add_feedback(label("p1000000", 0)).rowid == counts.last_feedback + 1);
  }
}
