#include "runtime/telemetry/log_record.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "runtime/telemetry/escape.hpp"

namespace troupe::runtime {

namespace {

constexpr std::size_t max_value_bytes = 4096;
constexpr std::array<std::string_view, 5> level_names = {"debug", "info", "warning", "error",
                                                         "off"};

template <class Number>
std::string shortest(Number number) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

std::string iso_8601(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::array<char, 48> text;
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

/// Whether a value can stand in a text line without quotes.
bool plain(std::string_view value) {
  return !value.empty() && value.find_first_of(" \"\\=") == std::string_view::npos;
}

std::string text_line(const LogRecord& record) {
  std::string line = iso_8601(record.time);
  line += ' ';
  line += to_string(record.level);
  line += ' ';
  append_printable(line, record.node.empty() ? "-" : record.node);
  line += ' ';
  append_printable(line, record.actor.empty() ? "-" : record.actor);
  line += " [";
  append_printable(line, record.component);
  line += "] ";
  append_printable(line, record.message);
  for (const LogRecord::Field& field : record.fields) {
    line += ' ';
    append_printable(line, field.key);
    line += '=';
    if (plain(field.value)) {
      append_printable(line, field.value);
    } else {
      append_json(line, field.value);
    }
  }
  line += '\n';
  return line;
}

std::string json_line(const LogRecord& record) {
  std::string line = "{\"time\":\"" + iso_8601(record.time) + "\",\"level\":\"";
  line += to_string(record.level);
  line += "\",\"node\":";
  append_json(line, record.node);
  line += ",\"actor\":";
  append_json(line, record.actor);
  line += ",\"component\":";
  append_json(line, record.component);
  line += ",\"message\":";
  append_json(line, record.message);
  line += ",\"fields\":{";
  for (const LogRecord::Field& field : record.fields) {
    if (&field != &record.fields.front()) line += ',';
    append_json(line, field.key);
    line += ':';
    if (field.bare) {
      line += field.value;
    } else {
      append_json(line, field.value);
    }
  }
  line += "}}\n";
  return line;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  return level_names[static_cast<std::size_t>(level)];
}

std::optional<LogLevel> find_log_level(std::string_view name) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

WallTime wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::size_t LogRecord::size_bytes() const {
  std::size_t size =
      sizeof(LogRecord) + node.size() + actor.size() + component.size() + message.size();
  for (const Field& field : fields) size += sizeof(Field) + field.key.size() + field.value.size();
  return size;
}

LogRecord::Field to_record(const LogField& field) {
  LogRecord::Field result{std::string{cut(field.key(), max_value_bytes)}, {}, true};
  if (const auto* text = std::get_if<std::string_view>(&field.value())) {
    result.value = cut(*text, max_value_bytes);
    result.bare = false;
  } else if (const auto* truth = std::get_if<bool>(&field.value())) {
    result.value = *truth ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&field.value())) {
    result.value = shortest(*integer);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&field.value())) {
    result.value = shortest(*natural);
  } else if (const auto* number = std::get_if<double>(&field.value())) {
    result.value = shortest(*number);
    result.bare = std::isfinite(*number);
  }
  return result;
}

std::string to_line(const LogRecord& record, LogFormat format) {
  return format == LogFormat::json ? json_line(record) : text_line(record);
}

}  // namespace troupe::runtime
