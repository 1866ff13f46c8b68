#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::runtime {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };
enum class LogFormat : std::uint8_t { text, json };

std::string_view to_string(LogLevel level);
/// By the names that to_string gives.
std::optional<LogLevel> find_log_level(std::string_view name);

/// UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
/// The machine's.
WallTime wall_now();

/// A key and its value, as a log call is given them: {"restarts", 3}. Refers to its texts and copies nothing,
/// so that a call below its level costs nothing.
class LogField {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view key, std::string_view value) : key_{key}, value_{value} {}
  LogField(std::string_view key, const char* value) : key_{key}, value_{std::string_view{value}} {}
  LogField(std::string_view key, const std::string& value)
      : key_{key}, value_{std::string_view{value}} {}
  LogField(std::string_view key, std::floating_point auto value)
      : key_{key}, value_{static_cast<double>(value)} {}
  LogField(std::string_view key, std::same_as<bool> auto value) : key_{key}, value_{value} {}
  LogField(std::string_view key, std::signed_integral auto value)
      : key_{key}, value_{static_cast<std::int64_t>(value)} {}
  LogField(std::string_view key,
           std::unsigned_integral auto value) requires(!std::same_as<decltype(value), bool>)
      : key_{key}, value_{static_cast<std::uint64_t>(value)} {}

  std::string_view key() const { return key_; }
  const Value& value() const { return value_; }

 private:
  std::string_view key_;
  Value value_;
};

/// One thing that was logged.
struct LogRecord {
  struct Field {
    std::string key;
    std::string value;
    bool bare = false;  ///< a number or truth value, which JSON writes without quotes
  };

  std::uint64_t sequence = 0;  ///< counts from 0 within one Log
  WallTime time = {};
  LogLevel level = LogLevel::info;
  std::string node = {};
  std::string actor = {};  ///< its path; empty for the node itself
  std::string component = {};
  std::string message = {};
  std::vector<Field> fields = {};

  /// About what it takes up in memory.
  std::size_t size_bytes() const;
};

/// A field with a copy of its value; infinities and NaN are texts, as JSON has no such numbers. Values past 4 KiB
/// are cut.
LogRecord::Field to_record(const LogField& field);

/// One line with its end, whatever the record holds: control characters are escaped, what is not UTF-8 becomes
/// U+FFFD.
///
///     2026-01-02T03:04:05.000006Z warning n1 /train/loader [loader] late batch step=7 file="a b"
///     {"time":"…","level":"warning","node":"n1","actor":"/train/loader","component":"loader",
///      "message":"late batch","fields":{"step":7,"file":"a b"}}                      (on one line)
std::string to_line(const LogRecord& record, LogFormat format);

}  // namespace troupe::runtime
