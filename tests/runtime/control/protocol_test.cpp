#include "runtime/control/protocol.hpp"

#include "tests/runtime/control/fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

TEST_CASE("protocol: what a node says is read back as it was meant") {
  using Kind = AnswerLine::Kind;
  const auto round = [](const std::string& line, Kind kind) {
    CHECK(line.find('\n') == line.size() - 1);
    const AnswerLine answer = read_answer(line.substr(0, line.size() - 1));
    CHECK(answer.kind == kind);
    return answer.text;
  };
  CHECK(round(ok_line("{\n\"a\": [1, \"x\"]\r\n}"), Kind::ok) == R"({"a":[1,"x"]})");
  CHECK(round(stream_line(R"({"error":"x"})"), Kind::line) == R"({"error":"x"})");
  CHECK(round(end_line(), Kind::end).empty());
  CHECK(round(error_line("a\n\"b\"\\ é"), Kind::error) == "a\n\"b\"\\ é");
  CHECK(round(error_line("\xff"), Kind::error) == "\uFFFD");
  CHECK(round(ok_line("18446744073709551615"), Kind::ok) == "18446744073709551615");
}

TEST_CASE("protocol: what is no line of an answer is refused") {
  for (const std::string line : {"", "x", "[]", "{}", "1", R"({"ok":1,"line":2})", R"({"error":1})",
                                 R"({"end":false})", R"({"other":1})", "{\"ok\":1"})
    error_of([&] { read_answer(line); }, ErrorCode::corrupted);
}

TEST_CASE("protocol: a request names its command") {
  CHECK(command_of(R"( {"x": [1], "command": "ps"} )") == "ps");
  for (const std::string line : {"", "{", "null", "[]", "{}", R"({"command":null})", "{} {}"})
    CHECK(contains(error_of([&] { command_of(line); }, ErrorCode::bad_input), "request: expected"));
}
