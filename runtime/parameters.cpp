#include "runtime/parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <system_error>
#include <type_traits>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Nanoseconds; the largest comes first.
constexpr std::array<Unit, 6> duration_units = {{{"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 11> size_units = {{{"", 1},
                                              {"B", 1},
                                              {"kB", 1'000},
                                              {"KB", 1'000},
                                              {"MB", 1'000'000},
                                              {"GB", 1'000'000'000},
                                              {"TB", 1'000'000'000'000},
                                              {"KiB", 1LL << 10},
                                              {"MiB", 1LL << 20},
                                              {"GiB", 1LL << 30},
                                              {"TiB", 1LL << 40}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <class T>
std::optional<T> whole(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || read_to != end) return std::nullopt;
  return value;
}

/// "1.5GiB": exact or nothing.
template <std::size_t n>
std::optional<std::int64_t> quantity(std::string_view text, const std::array<Unit, n>& units) {
  const std::string_view digits =
      text.substr(0, std::min(text.find_first_not_of("0123456789."), text.size()));
  const std::string_view unit = text.substr(digits.size());
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == unit; });
  if (found == units.end()) return std::nullopt;
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const auto integer = whole<std::int64_t>(digits.substr(0, point));
  if (!integer) return std::nullopt;
  std::int64_t rest = 0;
  if (point < digits.size()) {
    const std::string_view fraction = digits.substr(point + 1);
    if (fraction.empty() || fraction.size() > 6) return std::nullopt;
    const auto numerator = whole<std::int64_t>(fraction);
    if (!numerator) return std::nullopt;
    std::int64_t denominator = 1;
    for (std::size_t i = 0; i < fraction.size(); ++i) denominator *= 10;
    const std::int64_t product = *numerator * found->factor;  // < 10^6 * 3.6 * 10^12
    if (product % denominator != 0) return std::nullopt;
    rest = product / denominator;
  }
  if (*integer > (std::numeric_limits<std::int64_t>::max() - rest) / found->factor)
    return std::nullopt;
  return *integer * found->factor + rest;
}

bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 5> taken = {"true", "false", "null", "Null", "NULL"};
  if (text.empty() || std::find(taken.begin(), taken.end(), text) != taken.end()) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool starts_well = letter(text.front()) || text.front() == '/' || text.front() == '_' ||
                           text.starts_with("./") || text.starts_with("../");
  return starts_well && std::ranges::all_of(text, [&](char c) {
           return letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/';
         });
}

/// As YAML reads it anywhere, in flow collections too.
std::string written(const std::string& text) {
  if (is_plain(text)) return text;
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr std::string_view hex = "0123456789abcdef";
      result += "\\x";
      result += hex[static_cast<unsigned char>(c) / 16];
      result += hex[static_cast<unsigned char>(c) % 16];
    } else {
      if (c == '$' && text.compare(i, 2, "${") == 0) result += '$';  // else a variable
      result += c;
    }
  }
  return result + '"';
}

std::string written(const Structure& value) {
  return value.json;
}

std::string written(double value) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

std::string written(Duration value) {
  const std::int64_t count = value.count();
  if (count == 0) return "0s";
  const auto unit = std::find_if(duration_units.begin(), duration_units.end(),
                                 [&](const Unit& u) { return count % u.factor == 0; });
  return std::to_string(count / unit->factor) + std::string{unit->name};
}

template <class T>
std::string written(const std::vector<T>& values) {
  std::string result = "[";
  for (const T& value : values) {
    if (result.size() > 1) result += ", ";
    result += written(value);
  }
  return result + ']';
}

bool is_held(ParameterType type, const ParameterValue& value) {
  switch (type) {
    case ParameterType::boolean:
      return std::holds_alternative<bool>(value);
    case ParameterType::integer:
    case ParameterType::size:
      return std::holds_alternative<std::int64_t>(value);
    case ParameterType::number:
      return std::holds_alternative<double>(value);
    case ParameterType::text:
    case ParameterType::path:
      return std::holds_alternative<std::string>(value);
    case ParameterType::duration:
      return std::holds_alternative<Duration>(value);
    case ParameterType::texts:
      return std::holds_alternative<std::vector<std::string>>(value);
    case ParameterType::numbers:
      return std::holds_alternative<std::vector<double>>(value);
    case ParameterType::structure:
      return std::holds_alternative<Structure>(value);
  }
  return false;
}

/// The bounds, written as the type's values are.
std::string range(const ParameterSchema& schema) {
  const auto bound = [&](double value) {
    if (schema.type != ParameterType::duration) return written(value);
    return written(std::chrono::duration_cast<Duration>(std::chrono::duration<double>{value}));
  };
  if (!schema.maximum) return "at least " + bound(*schema.minimum);
  if (!schema.minimum) return "at most " + bound(*schema.maximum);
  return bound(*schema.minimum) + " to " + bound(*schema.maximum);
}

bool outside(const ParameterSchema& schema, double value) {
  return !std::isfinite(value) || (schema.minimum && value < *schema.minimum) ||
         (schema.maximum && value > *schema.maximum);
}

bool outside(const ParameterSchema& schema, const ParameterValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return outside(schema, static_cast<double>(*integer)) ||
           (schema.type == ParameterType::size && *integer < 0);
  if (const auto* number = std::get_if<double>(&value)) return outside(schema, *number);
  if (const auto* duration = std::get_if<Duration>(&value))
    return *duration < Duration{0} ||
           outside(schema, std::chrono::duration<double>{*duration}.count());
  if (const auto* numbers = std::get_if<std::vector<double>>(&value))
    return std::ranges::any_of(*numbers, [&](double x) { return outside(schema, x); });
  return false;
}

}  // namespace

std::string_view to_string(ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      return "boolean";
    case ParameterType::integer:
      return "integer";
    case ParameterType::number:
      return "number";
    case ParameterType::text:
      return "text";
    case ParameterType::duration:
      return "duration";
    case ParameterType::size:
      return "size";
    case ParameterType::path:
      return "path";
    case ParameterType::texts:
      return "texts";
    case ParameterType::numbers:
      return "numbers";
    case ParameterType::structure:
      return "structure";
  }
  return "unknown";
}

std::string to_string(const ParameterValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, bool>)
          return held ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::int64_t>)
          return std::to_string(held);
        else
          return written(held);
      },
      value);
}

std::optional<ParameterValue> parse_parameter(ParameterType type, std::string_view text) {
  switch (type) {
    case ParameterType::boolean:
      if (text == "true") return ParameterValue{true};
      if (text == "false") return ParameterValue{false};
      return std::nullopt;
    case ParameterType::integer:
      if (const auto value = whole<std::int64_t>(text)) return ParameterValue{*value};
      return std::nullopt;
    case ParameterType::number:
      if (const auto value = whole<double>(text); value && std::isfinite(*value))
        return ParameterValue{*value};
      return std::nullopt;
    case ParameterType::duration:
      if (const auto value = quantity(text, duration_units))
        return ParameterValue{Duration{*value}};
      return std::nullopt;
    case ParameterType::size:
      if (const auto value = quantity(text, size_units)) return ParameterValue{*value};
      return std::nullopt;
    case ParameterType::text:
    case ParameterType::path:
      return ParameterValue{std::string{text}};
    case ParameterType::texts:
    case ParameterType::numbers:
    case ParameterType::structure:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string_view expected_form(ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::integer:
      return "an integer";
    case ParameterType::number:
      return "a number";
    case ParameterType::text:
      return "a text";
    case ParameterType::duration:
      return "a duration such as 250ms, 5s, 2m or 1.5h";
    case ParameterType::size:
      return "a size such as 4096, 64MiB or 1GB";
    case ParameterType::path:
      return "the path of an actor";
    case ParameterType::texts:
      return "a list of texts";
    case ParameterType::numbers:
      return "a list of numbers";
    case ParameterType::structure:
      return "a map, a list or a text";
  }
  return "unknown";
}

namespace {

std::optional<std::string> misfit(const ParameterSchema& schema, const Structure& structure) {
  const std::string& json = structure.json;
  if (canonical_json(json) != json) return "expected canonical JSON, got " + written(json);
  std::string why;
  if (schema.check)
    for (const ValueProblem& problem : schema.check(json)) {
      if (!why.empty()) why += "; ";
      if (!problem.pointer.empty()) why += problem.pointer + ": ";
      why += problem.what;
    }
  if (why.empty()) return std::nullopt;
  return why;
}

}  // namespace

std::optional<std::string> misfit(const ParameterSchema& schema, const ParameterValue& value) {
  if (!is_held(schema.type, value))
    return "expected " + std::string{expected_form(schema.type)} + ", got " + to_string(value);
  if (outside(schema, value)) {
    const bool bounded = schema.minimum || schema.maximum;
    return "expected " + (bounded ? range(schema) : "a finite value, at least 0") + ", got " +
           to_string(value);
  }
  if (const auto* structure = std::get_if<Structure>(&value)) return misfit(schema, *structure);
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && !schema.choices.empty() &&
      std::ranges::find(schema.choices, *text) == schema.choices.end()) {
    std::string expected;
    for (const std::string& choice : schema.choices)
      expected += (expected.empty() ? "" : ", ") + choice;
    return "expected one of " + expected + ", got " + to_string(value);
  }
  return std::nullopt;
}

template <class T>
const T& Parameters::get(std::string_view name, std::string_view wanted) const {
  const auto found = values_.find(std::string{name});
  if (found == values_.end())
    throw Error{ErrorCode::bug, "the actor's type has no parameter '" + std::string{name} + "'"};
  const T* const value = std::get_if<T>(&found->second);
  if (value == nullptr)
    throw Error{ErrorCode::bug, "parameter '" + std::string{name} + "' is asked for as " +
                                    std::string{wanted} + ", but is " + to_string(found->second)};
  return *value;
}

bool Parameters::boolean(std::string_view name) const {
  return get<bool>(name, "a boolean");
}
std::int64_t Parameters::integer(std::string_view name) const {
  return get<std::int64_t>(name, "an integer");
}
double Parameters::number(std::string_view name) const {
  return get<double>(name, "a number");
}
const std::string& Parameters::text(std::string_view name) const {
  return get<std::string>(name, "a text");
}
Duration Parameters::duration(std::string_view name) const {
  return get<Duration>(name, "a duration");
}
const std::vector<std::string>& Parameters::texts(std::string_view name) const {
  return get<std::vector<std::string>>(name, "a list of texts");
}
const std::vector<double>& Parameters::numbers(std::string_view name) const {
  return get<std::vector<double>>(name, "a list of numbers");
}
const std::string& Parameters::structure(std::string_view name) const {
  return get<Structure>(name, "a structure").json;
}

}  // namespace troupe::runtime
