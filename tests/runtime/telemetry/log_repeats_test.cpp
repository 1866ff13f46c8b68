#include "runtime/telemetry/log_repeats.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  LogRecord record(std::string actor, std::string message) {
    LogRecord result;
    result.actor = std::move(actor);
    result.message = std::move(message);
    return result;
  }
  void add(std::string message, std::string actor = "/a") {
    repeats.add(record(std::move(actor), std::move(message)), now);
  }

  TimePoint now = {};
  std::vector<std::string> written;
  LogRepeats repeats{2, [this](const LogRecord& one) { written.push_back(one.message); }};
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(
    Fixture, "LogRepeats: what is repeated within a second becomes one record when it is over") {
  for (int i = 0; i < 5; ++i) add("full");
  CHECK(written == Lines{"full", "full"});
  now += 999'999'999ns;
  repeats.end_until(now);
  CHECK(written.size() == 2);
  now += 1ns;
  repeats.end_until(now);
  CHECK(written == Lines{"full", "full", "full (repeated 3 times)"});
  repeats.end_until(now + 10s);
  CHECK(written.size() == 3);
}

TEST_CASE_FIXTURE(
    Fixture, "LogRepeats: the next second begins anew, and any record ends those that are over") {
  for (int i = 0; i < 3; ++i) add("full");
  now += 1s;
  add("other");
  CHECK(written == Lines{"full", "full", "full (repeated 1 times)", "other"});
  add("full");
  CHECK(written.back() == "full");
}

TEST_CASE_FIXTURE(Fixture, "LogRepeats: actors and texts do not count for each other") {
  for (const std::string text : {"x", "y"}) {
    for (const std::string actor : {"/a", "/b"}) {
      add(text, actor);
      add(text, actor);
    }
  }
  CHECK(written.size() == 8);
  repeats.end_all();
  CHECK(written.size() == 8);
}

TEST_CASE_FIXTURE(Fixture, "LogRepeats: the folded record is the last one's") {
  LogRepeats levels{1, [this](const LogRecord& one) {
                      written.push_back(std::string{to_string(one.level)} + ' ' + one.message);
                    }};
  LogRecord one = record("/a", "x");
  levels.add(one, now);
  levels.add(one, now);
  one.level = LogLevel::error;
  levels.add(one, now);
  levels.end_all();
  CHECK(written == Lines{"info x", "error x (repeated 2 times)"});
}

TEST_CASE_FIXTURE(
    Fixture,
    "LogRepeats: past its bound the oldest text's second ends early, and nothing is lost") {
  for (int i = 0; i < 3; ++i) add("first");
  for (std::size_t i = 0; i + 1 < LogRepeats::max_texts; ++i) add(std::to_string(i));
  CHECK(written.back() == std::to_string(LogRepeats::max_texts - 2));
  add("one more");
  CHECK(written[written.size() - 2] == "first (repeated 1 times)");
  CHECK(written.back() == "one more");
}

TEST_CASE("LogRepeats: none allowed means that all are folded") {
  std::vector<std::string> written;
  LogRepeats repeats{0, [&](const LogRecord& one) { written.push_back(one.message); }};
  LogRecord one;
  one.message = "x";
  repeats.add(one, {});
  CHECK(written.empty());
  repeats.end_all();
  CHECK(written == Lines{"x (repeated 1 times)"});
}
