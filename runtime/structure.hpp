#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// A piece of a config with structure of its own, such as a model: maps, lists and texts, kept as canonical JSON, on one
/// line, keys in order of name. All scalars are texts, since what a value has to be is said by its key; nothing is null.
struct Structure {
  std::string json = "null";

  bool operator==(const Structure&) const = default;
};

/// JSON that Structure may hold, of any JSON: numbers and truth values become texts. None if it is no JSON, deeper than
/// 64 levels, or not UTF-8.
std::optional<std::string> canonical_json(std::string_view json);

}  // namespace troupe::runtime
