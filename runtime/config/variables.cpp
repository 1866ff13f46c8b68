#include "runtime/config/variables.hpp"

#include <algorithm>

namespace troupe::runtime::config {
namespace {

bool is_variable(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// What stands between the braces, replaced.
Replaced value_of(std::string_view inner, const Environment& environment) {
  const std::size_t split = inner.find(":-");
  const std::string_view name = inner.substr(0, split);
  if (!is_variable(name)) return {"", "expected a variable's name within ${ }, got " + shown(name)};
  const auto value = environment ? environment(name) : std::nullopt;
  if (split != std::string_view::npos && (!value || value->empty()))
    return {std::string{inner.substr(split + 2)}, std::nullopt};
  if (!value)
    return {"", "the variable " + std::string{name.substr(0, 60)} +
                    " is not set and has no default, as in ${NAME:-default}"};
  if (!is_utf8(*value))
    return {"", "the variable " + std::string{name.substr(0, 60)} + " is not UTF-8"};
  return {*value, std::nullopt};
}

}  // namespace

Replaced replace_variables(std::string_view text, const Environment& environment,
                           std::size_t limit_bytes) {
  Replaced result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    result.text += text.substr(at, dollar - at);
    at = dollar;
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      result.text += "${";
      at += 3;
    } else if (rest.starts_with("${")) {
      const std::size_t end = rest.find('}');
      if (end == std::string_view::npos)
        return {"", "expected } after ${; a literal ${ is written $${"};
      const Replaced one = value_of(rest.substr(2, end - 2), environment);
      if (one.problem) return one;
      result.text += one.text;
      at += end + 1;
    } else if (!rest.empty()) {
      result.text += '$';
      ++at;
    }
    if (result.text.size() > limit_bytes)
      return {"", "with its variables replaced the text is too long"};
  }
  return result;
}

}  // namespace troupe::runtime::config
