#include "runtime/parameters.hpp"

#include <limits>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

using namespace std::chrono_literals;

std::string reread(ParameterType type, std::string_view text) {
  const auto value = parse_parameter(type, text);
  return value ? to_string(*value) : "none";
}

}  // namespace

TEST_CASE("parse_parameter: durations are exact and carry their unit") {
  CHECK(parse_parameter(ParameterType::duration, "250ms") == ParameterValue{Duration{250ms}});
  CHECK(parse_parameter(ParameterType::duration, "1.5s") == ParameterValue{Duration{1500ms}});
  CHECK(parse_parameter(ParameterType::duration, "1h") == ParameterValue{Duration{1h}});
  CHECK(reread(ParameterType::duration, "120s") == "2m");
  CHECK(reread(ParameterType::duration, "0s") == "0s");
  for (const char* text : {"5", "", "s", "-1s", "+1s", "1.s", ".5s", "1 s", "1e3s", "1.0000001s",
                           "0.5ns", "1d", "99999999999h", "1.2.3s"})
    CHECK_MESSAGE(reread(ParameterType::duration, text) == "none", text);
}

TEST_CASE("parse_parameter: sizes are whole numbers of bytes") {
  CHECK(reread(ParameterType::size, "4096") == "4096");
  CHECK(reread(ParameterType::size, "64MiB") == "67108864");
  CHECK(reread(ParameterType::size, "1GB") == "1000000000");
  CHECK(reread(ParameterType::size, "1.5KiB") == "1536");
  for (const char* text : {"-1", "1.5", "0.1KiB", "4 KiB", "9999999TiB", "1mb"})
    CHECK_MESSAGE(reread(ParameterType::size, text) == "none", text);
}

TEST_CASE("parse_parameter: numbers and booleans have one spelling") {
  CHECK(reread(ParameterType::integer, "-9223372036854775808") == "-9223372036854775808");
  for (const char* text : {"0x10", "1e3", "1.0", "+1", "9223372036854775808", " 1", ""})
    CHECK_MESSAGE(reread(ParameterType::integer, text) == "none", text);
  for (const char* text : {"nan", "NaN", "inf", "-inf", "1e999", "0x1p3", "1,5"})
    CHECK_MESSAGE(reread(ParameterType::number, text) == "none", text);
  for (const char* text : {"yes", "True", "on", "1"})
    CHECK_MESSAGE(reread(ParameterType::boolean, text) == "none", text);
}

TEST_CASE("to_string: a number reads back as the same bits") {
  for (const double value :
       {0.1, -0.0, 1e300, std::numeric_limits<double>::denorm_min(), 1.0 / 3.0}) {
    const auto back = parse_parameter(ParameterType::number, to_string(ParameterValue{value}));
    REQUIRE(back.has_value());
    CHECK(std::bit_cast<std::uint64_t>(std::get<double>(*back)) ==
          std::bit_cast<std::uint64_t>(value));
  }
}

TEST_CASE("to_string: a text is in quotes where a config needs them") {
  CHECK(to_string(ParameterValue{std::string{"/train/loader-0.x"}}) == "/train/loader-0.x");
  CHECK(to_string(ParameterValue{std::string{"true"}}) == "\"true\"");
  CHECK(to_string(ParameterValue{std::string{"a\n\"${b}\""}}) == "\"a\\n\\\"$${b}\\\"\"");
  CHECK(to_string(ParameterValue{std::vector<std::string>{"a", "b c"}}) == "[a, \"b c\"]");
}

TEST_CASE("misfit: type, range and choices") {
  ParameterSchema schema{.name = "x", .type = ParameterType::integer, .help = ""};
  schema.minimum = 1;
  schema.maximum = 5;
  CHECK_FALSE(misfit(schema, ParameterValue{std::int64_t{5}}).has_value());
  CHECK(misfit(schema, ParameterValue{std::int64_t{6}}) == "expected 1 to 5, got 6");
  CHECK(misfit(schema, ParameterValue{true}) == "expected an integer, got true");
  ParameterSchema choice{.name = "c", .help = ""};
  choice.choices = {"a", "b"};
  CHECK(misfit(choice, ParameterValue{std::string{"c"}}) == "expected one of a, b, got c");
  const ParameterSchema wait{
      .name = "w", .type = ParameterType::duration, .help = "", .minimum = 0.5};
  CHECK(misfit(wait, ParameterValue{Duration{100ms}}) == "expected at least 500ms, got 100ms");
}

TEST_CASE("Parameters: what the schema does not name is a bug of the actor") {
  const Parameters given{{{"n", std::int64_t{3}}}};
  CHECK(given.integer("n") == 3);
  CHECK_THROWS_WITH_AS(given.text("n"), "parameter 'n' is asked for as a text, but is 3", Error);
  CHECK_THROWS_WITH_AS(given.text("m"), "the actor's type has no parameter 'm'", Error);
}

}  // namespace troupe::runtime
