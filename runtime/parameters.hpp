#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// What a parameter of an actor type may be. In a config, a duration is written with its unit
/// ("250ms", "5s", "2m", "1h"), a size in bytes with or without one ("64MiB", "1GB", 4096), a path
/// names another actor ("/train/loader"), or one beside it ("loader").
enum class ParameterType : std::uint8_t {
  boolean,
  integer,
  number,
  text,
  duration,
  size,
  path,
  texts,
  numbers
};

std::string_view to_string(ParameterType type);

/// A parameter's value: boolean, integer and size, number, text and path, duration, texts, numbers.
using ParameterValue = std::variant<bool, std::int64_t, double, std::string, Duration,
                                    std::vector<std::string>, std::vector<double>>;

/// As a config would write it, on one line: texts in quotes where they need them, numbers as the shortest
/// text that reads back as the same bits, durations in the largest unit that takes a whole number.
std::string to_string(const ParameterValue& value);

/// The value that a config's scalar stands for. Strict: integers are decimal, numbers finite, booleans
/// `true` or `false`, durations and sizes a decimal number (at most six digits behind the point) with its unit
/// right behind it. None if `text` is no such value; always none for the types that are lists.
std::optional<ParameterValue> parse_parameter(ParameterType type, std::string_view text);

/// What parse_parameter() takes for this type, as a problem's text would say it: "an integer".
std::string_view expected_form(ParameterType type);

/// Whether a parameter decides the job's bits, and so enters its fingerprint, or only how it is run.
enum class BelongsTo : std::uint8_t { run, job };

/// What an actor type says of one of its parameters.
struct ParameterSchema {
  std::string name;
  ParameterType type = ParameterType::text;
  std::string help;       ///< one sentence
  std::string unit = {};  ///< such as "bytes/s"; durations and sizes carry their own
  std::optional<ParameterValue> default_value = {};  ///< none: the config must give it
  std::optional<double> minimum = {};  ///< for numbers, integers, sizes; of durations in seconds
  std::optional<double> maximum = {};
  std::vector<std::string> choices = {};  ///< for text: what it may be; empty: anything
  BelongsTo belongs_to = BelongsTo::run;
};

/// Why a value does not fit its schema (type, range, choices): "expected …, got …". None if it fits.
std::optional<std::string> misfit(const ParameterSchema& schema, const ParameterValue& value);

/// The parameters that one actor is made with: checked against its type's schema, defaults filled in.
class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(std::map<std::string, ParameterValue> values) : values_{std::move(values)} {}

  bool has(std::string_view name) const { return values_.contains(std::string{name}); }
  /// @throws Error bug if the type has no such parameter, or one of another type: an actor asks only for
  /// what its own schema names.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;  ///< sizes too, in bytes
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;  ///< paths too, absolute
  Duration duration(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const std::vector<double>& numbers(std::string_view name) const;

  const std::map<std::string, ParameterValue>& values() const { return values_; }

 private:
  template <class T>
  const T& get(std::string_view name, std::string_view wanted) const;

  std::map<std::string, ParameterValue> values_;
};

}  // namespace troupe::runtime
