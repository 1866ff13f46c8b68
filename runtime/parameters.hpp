#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/structure.hpp"

namespace troupe::runtime {

/// What a parameter of an actor type may be. In a config, a duration is written with its unit
/// ("250ms", "5s", "2m", "1h"), a size in bytes with or without one ("64MiB", "1GB", 4096), a path
/// names another actor ("/train/loader"), or one beside it ("loader"), a structure is any YAML.
enum class ParameterType : std::uint8_t {
  boolean,
  integer,
  number,
  text,
  duration,
  size,
  path,
  texts,
  numbers,
  structure
};

std::string_view to_string(ParameterType type);

/// A parameter's value: boolean, integer and size, number, text and path, duration, texts, numbers, structure.
using ParameterValue = std::variant<bool, std::int64_t, double, std::string, Duration,
                                    std::vector<std::string>, std::vector<double>, Structure>;

/// As a config would write it, on one line: texts in quotes where they need them, numbers as the shortest
/// text that reads back as the same bits, durations in the largest unit that takes a whole number, structures as
/// their JSON.
std::string to_string(const ParameterValue& value);

/// The value that a config's scalar stands for. Strict: integers are decimal, numbers finite, booleans
/// `true` or `false`, durations and sizes a decimal number (at most six digits behind the point) with its unit
/// right behind it. None if `text` is no such value; always none for lists and structures.
std::optional<ParameterValue> parse_parameter(ParameterType type, std::string_view text);

/// What parse_parameter() takes for this type, as a problem's text would say it: "an integer".
std::string_view expected_form(ParameterType type);

/// Whether a parameter decides the job's bits, and so enters its fingerprint, or only how it is run.
enum class BelongsTo : std::uint8_t { run, job };

/// What is wrong within a structure: `pointer` is where, as a JSON pointer ("/train/batch", RFC 6901).
struct ValueProblem {
  std::string pointer;
  std::string what;  ///< one line: what was expected and what came

  bool operator==(const ValueProblem&) const = default;
};

/// All that is wrong with a structure, given as its JSON. It must take any JSON.
using StructureCheck = std::function<std::vector<ValueProblem>(const std::string& json)>;

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
  StructureCheck check = {};  ///< of a structure; empty: anything goes
};

/// Why a value does not fit its schema (type, range, choices, check): "expected …, got …". None if it fits.
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
  const std::string& structure(std::string_view name) const;  ///< its JSON

  const std::map<std::string, ParameterValue>& values() const { return values_; }

 private:
  template <class T>
  const T& get(std::string_view name, std::string_view wanted) const;

  std::map<std::string, ParameterValue> values_;
};

}  // namespace troupe::runtime
