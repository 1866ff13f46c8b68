#include "runtime/structure.hpp"

#include <nlohmann/json.hpp>

namespace troupe::runtime {
namespace {

using Json = nlohmann::json;

constexpr int most_depth = 64;

/// Makes all scalars texts; false if there are more than `levels` levels.
bool settle(Json& value, int levels) {
  if (value.is_structured()) {
    if (levels == 0) return false;
    for (Json& item : value)
      if (!settle(item, levels - 1)) return false;
  } else if (!value.is_string() && !value.is_null()) {
    value = value.dump();
  }
  return true;
}

}  // namespace

std::optional<std::string> canonical_json(std::string_view json) {
  // The parser takes a NUL for the end.
  if (json.find('\0') != std::string_view::npos) return std::nullopt;
  Json value = Json::parse(json.begin(), json.end(), nullptr, false);
  if (value.is_discarded() || !settle(value, most_depth)) return std::nullopt;
  return value.dump();  // the parser refused what is not UTF-8
}

}  // namespace troupe::runtime
