#include "runtime/telemetry/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "runtime/base/error.hpp"
#include "runtime/base/virtual_clock.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using troupe::VirtualClock;

namespace {

struct Fixture {
  Log make(LogOptions options = {}) {
    options.node = "n1";
    return Log{options, clock,
               [this] { return WallTime{clock.now().time_since_epoch() / 1000ns * 1us}; }};
  }
  LogSink collect() {
    return [this](std::string_view line) { lines.emplace_back(line); };
  }

  VirtualClock clock;
  std::vector<std::string> lines;
};

std::string messages(const LogTail& tail) {
  std::string all;
  for (const LogRecord& record : tail.records) all += record.message + ';';
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "Log: a record goes to each sink in its format, with the injected time") {
  Log log = make();
  std::vector<std::string> json;
  log.add_sink(LogFormat::text, collect());
  log.add_sink(LogFormat::json, [&](std::string_view line) { json.emplace_back(line); });
  clock.advance(1'500'000'000ns);
  log.logger("loader", "/l").info("hello", {{"step", 3}});
  CHECK(lines ==
        std::vector<std::string>{"1970-01-01T00:00:01.500000Z info n1 /l [loader] hello step=3\n"});
  REQUIRE(json.size() == 1);
  CHECK(nlohmann::json::parse(json[0])["fields"]["step"] == 3);
}

TEST_CASE_FIXTURE(Fixture, "Log: a component has its own level, all others that of \"*\"") {
  Log log = make();
  const Logger worker = log.logger("worker"), loader = log.logger("loader");
  CHECK(worker.on(LogLevel::info));
  CHECK(!worker.on(LogLevel::debug));
  log.set_level("worker", LogLevel::debug);
  log.set_level("*", LogLevel::error);
  CHECK(worker.on(LogLevel::debug));
  CHECK(!loader.on(LogLevel::warning));
  CHECK(!log.logger("later").on(LogLevel::warning));
  CHECK(log.level("worker") == LogLevel::debug);
  CHECK(log.level("unheard") == LogLevel::error);
  log.set_level("worker", LogLevel::off);
  CHECK(!worker.on(LogLevel::error));
}

TEST_CASE_FIXTURE(Fixture, "Log: what is below its level is neither written nor remembered") {
  Log log = make();
  log.add_sink(LogFormat::text, collect());
  log.logger("x").debug("quiet");
  CHECK(lines.empty());
  CHECK(log.records_since(0, 10).records.empty());
}

TEST_CASE_FIXTURE(Fixture, "Log: levels are read as operators write them, all or none") {
  Log log = make();
  log.set_levels("warning,trainer=debug");
  CHECK(log.level("trainer") == LogLevel::debug);
  CHECK(log.level("loader") == LogLevel::warning);
  log.set_levels("*=info");
  CHECK(log.level("loader") == LogLevel::info);
  for (const char* wrong :
       {"", "loud", "a=", "=info", "info,", "trainer=error,b=loud", "a=b=info"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(log.set_levels(wrong), Error);
  }
  CHECK(log.level("trainer") == LogLevel::debug);
}

TEST_CASE_FIXTURE(Fixture, "Log: what an actor repeats is folded, and the tick writes the count") {
  LogOptions options;
  options.repeats_a_second = 2;
  Log log = make(options);
  log.add_sink(LogFormat::text, collect());
  const Logger logger = log.logger("worker", "/w");
  for (int i = 0; i < 100; ++i) logger.warning("full", {{"i", i}});
  CHECK(lines.size() == 2);
  clock.advance(1s);
  log.tick();
  REQUIRE(lines.size() == 3);
  CHECK(lines[2] ==
        "1970-01-01T00:00:01.000000Z warning n1 /w [worker] full (repeated 98 times) i=99\n");
  CHECK(messages(log.records_since(0, 10)) == "full;full;full (repeated 98 times);");
}

TEST_CASE_FIXTURE(Fixture, "Log: what is still folded at its end is written") {
  {
    LogOptions options;
    options.repeats_a_second = 1;
    Log log = make(options);
    log.add_sink(LogFormat::text, collect());
    log.logger("w").info("a");
    log.logger("w").info("a");
  }
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].ends_with("a (repeated 1 times)\n"));
}

TEST_CASE_FIXTURE(Fixture, "Log: messages and fields are bounded") {
  Log log = make();
  log.logger("w").info(std::string(100'000, 'x'), {{"k", std::string(100'000, 'y')}});
  const LogTail tail = log.records_since(0, 1);
  REQUIRE(tail.records.size() == 1);
  CHECK(tail.records[0].message.size() == Log::max_message_bytes);
  CHECK(tail.records[0].fields[0].value.size() == 4096);
}

TEST_CASE_FIXTURE(Fixture, "Log: another process's record is written and remembered with its time, as this node's") {
  Log there = make(), here = make();
  std::vector<LogRecord> sent;
  there.add_record_sink([&](const LogRecord& record) { sent.push_back(record); });
  clock.advance(1s);
  there.logger("loader", "/l").warning("late", {{"step", 3}});
  there.logger("loader", "/l").info("fine");
  clock.advance(1s);
  here.add_sink(LogFormat::text, collect());
  here.set_level("loader", LogLevel::warning);
  REQUIRE(sent.size() == 2);
  for (LogRecord record : sent) {
    record.node = "worker";
    here.add(record);
  }
  CHECK(lines ==
        std::vector<std::string>{"1970-01-01T00:00:01.000000Z warning n1 /l [loader] late step=3\n"});
  CHECK(messages(here.records_since(0, 10)) == "late;");
}

TEST_CASE_FIXTURE(Fixture, "Log: components past the bound follow \"*\"") {
  Log log = make();
  for (std::size_t i = 0; i < Log::max_components; ++i) log.logger("c" + std::to_string(i));
  const Logger late = log.logger("late");
  log.set_level("late", LogLevel::debug);
  CHECK(!late.on(LogLevel::debug));
  log.set_level("*", LogLevel::debug);
  CHECK(late.on(LogLevel::debug));
}

TEST_CASE_FIXTURE(Fixture, "Log: a sink that throws costs its line and nothing else") {
  Log log = make();
  log.add_sink(LogFormat::text, [](std::string_view) { throw std::runtime_error{"disk"}; });
  log.add_sink(LogFormat::text, collect());
  log.logger("w").info("a");
  CHECK(lines.size() == 1);
  CHECK(log.lost() == 1);
  CHECK(messages(log.records_since(0, 10)) == "a;");
}

TEST_CASE("Logger: one that was made from nothing logs nothing") {
  const Logger logger;
  CHECK(!logger.on(LogLevel::error));
  logger.error("nobody hears");
}

TEST_CASE_FIXTURE(Fixture, "Log: the last records can be read while a sink blocks") {
  Log log = make();
  std::promise<void> entered, leave;
  log.logger("w").info("before");
  log.add_sink(LogFormat::text, [&](std::string_view) {
    entered.set_value();
    leave.get_future().wait();
  });
  std::thread writer{[&] { log.logger("w").info("stuck"); }};
  entered.get_future().wait();
  CHECK(messages(log.records_since(0, 10)) == "before;");
  leave.set_value();
  writer.join();
  CHECK(messages(log.records_since(0, 10)) == "before;stuck;");
}

TEST_CASE_FIXTURE(Fixture,
                  "Log: threads log, read and set levels at once, and every line is whole") {
  LogOptions options;
  options.repeats_a_second = 1'000'000;
  options.ring_records = 100;
  Log log = make(options);
  log.add_sink(LogFormat::json, collect());
  constexpr int threads = 4, each = 500;
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&, t] {
      const Logger logger = log.logger("c" + std::to_string(t), "/a" + std::to_string(t));
      for (int i = 0; i < each; ++i) logger.warning("line", {{"i", i}});
    });
  }
  std::atomic<bool> done = false;
  std::uint64_t read = 0;
  std::thread reader{[&] {
    for (std::uint64_t next = 0;;) {
      const bool last = done;
      const LogTail tail = log.records_since(next, 50);
      if (!tail.records.empty() && tail.records.front().sequence != next + tail.overwritten) return;
      read += tail.records.size() + tail.overwritten;
      next = tail.next;
      if (last && tail.records.empty()) return;
      log.set_level("*", read % 2 == 0 ? LogLevel::info : LogLevel::warning);
      log.tick();
    }
  }};
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  CHECK(read == threads * each);
  REQUIRE(lines.size() == threads * each);
  std::map<std::string, int> next;
  for (const std::string& line : lines) {
    const auto parsed = nlohmann::json::parse(line);
    REQUIRE(parsed["fields"]["i"] == next[parsed["actor"]]++);
  }
}

TEST_CASE("descriptor_sink: writes whole lines, and drops what a full pipe has no room for") {
  int ends[2];
  REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const LogSink sink = descriptor_sink(ends[1]);
  sink("one\n");
  char buffer[64];
  CHECK(std::string(buffer, static_cast<std::size_t>(read(ends[0], buffer, sizeof buffer))) ==
        "one\n");
  std::string line(4001, 'x');
  line.back() = '\n';
  for (int i = 0; i < 1000; ++i) sink(line);  // far more than a pipe holds; must return
  close(ends[0]);
  close(ends[1]);
  sink("nobody\n");
}
