#include "runtime/telemetry/log_record.hpp"

#include <limits>
#include <nlohmann/json.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

LogRecord sample() {
  LogRecord record;
  record.time =
      WallTime{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s + 6us};
  record.level = LogLevel::warning;
  record.node = "n1";
  record.actor = "/train/loader";
  record.component = "loader";
  record.message = "late batch";
  record.fields = {to_record({"step", 7}), to_record({"file", "a b"})};
  return record;
}

}  // namespace

TEST_CASE("LogRecord: a text line has time, level, node, actor, component, message and fields") {
  CHECK(to_line(sample(), LogFormat::text) ==
        "2026-01-02T03:04:05.000006Z warning n1 /train/loader [loader] late batch step=7 file=\"a "
        "b\"\n");
  LogRecord bare;
  bare.message = "up";
  CHECK(to_line(bare, LogFormat::text) == "1970-01-01T00:00:00.000000Z info - - [] up\n");
}

TEST_CASE("LogRecord: a JSON line has the same") {
  CHECK(to_line(sample(), LogFormat::json) ==
        "{\"time\":\"2026-01-02T03:04:05.000006Z\",\"level\":\"warning\",\"node\":\"n1\","
        "\"actor\":\"/train/loader\",\"component\":\"loader\",\"message\":\"late batch\","
        "\"fields\":{\"step\":7,\"file\":\"a b\"}}\n");
}

TEST_CASE("LogRecord: a time before 1970 is written as it was") {
  LogRecord record = sample();
  record.time = WallTime{-1us};
  CHECK(to_line(record, LogFormat::text).starts_with("1969-12-31T23:59:59.999999Z "));
}

TEST_CASE("LogRecord: a record is one line, whatever is in it") {
  LogRecord record = sample();
  const std::string nasty = "a\nb\r\x1b[0m\"\\\xff\xc2\x85";
  record.node = record.actor = record.component = record.message = nasty;
  record.fields = {{nasty, nasty, false}, to_record({"empty", ""})};
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    const std::string line = to_line(record, format);
    CHECK(std::ranges::count(line, '\n') == 1);
    CHECK(line.ends_with('\n'));
    for (const char c : line.substr(0, line.size() - 1)) {
      CHECK(static_cast<unsigned char>(c) >= 0x20);
    }
  }
  const auto parsed = nlohmann::json::parse(to_line(record, LogFormat::json));
  CHECK(parsed["message"] == "a\nb\r\x1b[0m\"\\\ufffd\xc2\x85");
  CHECK(parsed["fields"]["empty"] == "");
  CHECK(to_line(record, LogFormat::text).ends_with(" empty=\"\"\n"));
}

TEST_CASE(
    "LogField: numbers and truth values stand in JSON as such, what JSON cannot say as text") {
  LogRecord record = sample();
  record.fields = {to_record({"signed", -1}),
                   to_record({"most", std::numeric_limits<std::uint64_t>::max()}),
                   to_record({"number", 0.1}),
                   to_record({"single", 0.5F}),
                   to_record({"true", true}),
                   to_record({"infinite", std::numeric_limits<double>::infinity()}),
                   to_record({"nan", std::numeric_limits<double>::quiet_NaN()}),
                   to_record({"text", std::string{"1"}})};
  const auto fields = nlohmann::json::parse(to_line(record, LogFormat::json))["fields"];
  CHECK(fields["signed"] == -1);
  CHECK(fields["most"] == std::numeric_limits<std::uint64_t>::max());
  CHECK(fields["number"] == 0.1);
  CHECK(fields["single"] == 0.5);
  CHECK(fields["true"] == true);
  CHECK(fields["infinite"] == "inf");
  CHECK(fields["nan"] == "nan");
  CHECK(fields["text"] == "1");
}

TEST_CASE("LogField: a long value is cut") {
  CHECK(to_record({"k", std::string(10'000, 'x')}).value.size() == 4096);
}

TEST_CASE("LogLevel: each is found by its name, and nothing else") {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    CHECK(find_log_level(to_string(level)) == level);
  }
  CHECK(!find_log_level("Info"));
  CHECK(!find_log_level(""));
}
