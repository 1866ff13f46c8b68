#include "runtime/telemetry/escape.hpp"

#include <nlohmann/json.hpp>

using namespace troupe::runtime;

namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::string valid(std::string_view text) {
  std::string out;
  append_valid(out, text);
  return out;
}

}  // namespace

TEST_CASE("escape: every byte and every pair of bytes becomes a JSON string that parses") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string line = json(text);
      const auto parsed = nlohmann::json::parse(line, nullptr, false);
      REQUIRE(parsed.is_string());
      REQUIRE(parsed.get<std::string>() == valid(text));
      for (const char c : line) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
    }
  }
}

TEST_CASE("escape: valid UTF-8 stays, at the ends of each range") {
  for (const std::string_view text : {"\u00a0", "\u07ff", "\u0800", "\xed\x9f\xbf", "\ue000",
                                      "\uffff", "\U00010000", "\U0010ffff"}) {
    CHECK(valid(text) == text);
    CHECK(printable(text) == text);
  }
}

TEST_CASE("escape: what is not UTF-8 becomes U+FFFD, byte by byte") {
  CHECK(valid("a\x80z") == "a\ufffdz");
  CHECK(valid("\xc0\xaf") == "\ufffd\ufffd");            // longer than needed
  CHECK(valid("\xe0\x9f\xbf") == "\ufffd\ufffd\ufffd");  // so too
  CHECK(valid("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");  // a surrogate
  CHECK(valid("\xf0\x8f\xbf\xbf") == "\ufffd\ufffd\ufffd\ufffd");
  CHECK(valid("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");  // past U+10FFFF
  CHECK(valid("\xe2\x82") == "\ufffd\ufffd");                      // cut off
}

TEST_CASE("escape: nothing that people read can move a terminal or end a line") {
  using namespace std::string_view_literals;
  CHECK(printable("a\nb\r\tc"sv) == "a\\nb\\r\\tc");
  CHECK(printable("\x1b[2J\0\x7f"sv) == "\\u001b[2J\\u0000\\u007f");
  CHECK(printable("\u009b\u2028\u2029"sv) == "\\u009b\\u2028\\u2029");
  CHECK(printable("say \"a\\b\""sv) == "say \"a\\b\"");
  CHECK(json("say \"a\\b\""sv) == R"("say \"a\\b\"")");
}

TEST_CASE("cut: a character is kept whole or left out") {
  CHECK(cut("abc", 3) == "abc");
  CHECK(cut("abc", 2) == "ab");
  CHECK(cut("a\u20acb", 3) == "a");
  CHECK(cut("a\u20acb", 4) == "a\u20ac");
  CHECK(cut("\x80\x80\x80\x80\x80\x80", 5).size() == 2);
  CHECK(cut("\u20ac", 0).empty());
}
