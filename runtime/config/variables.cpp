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

constexpr int most_depth = 8;  // of defaults within defaults

Replaced replace(std::string_view text, const Environment& environment, std::size_t limit_bytes,
                 int depth);

/// The index of the brace that closes the "${" that a text begins with.
std::size_t closing_brace(std::string_view text) {
  std::size_t open = 1;
  for (std::size_t at = 2; at < text.size(); ++at) {
    if (text.substr(at).starts_with("${")) ++open;
    if (text[at] == '}' && --open == 0) return at;
  }
  return std::string_view::npos;
}

/// What stands between the braces, replaced.
Replaced value_of(std::string_view inner, const Environment& environment, std::size_t limit_bytes,
                  int depth) {
  const std::size_t split = inner.find(":-");
  const std::string_view name = inner.substr(0, split);
  if (!is_variable(name)) return {"", "expected a variable's name within ${ }, got " + shown(name)};
  const auto value = environment ? environment(name) : std::nullopt;
  if (split != std::string_view::npos && (!value || value->empty()))
    return replace(inner.substr(split + 2), environment, limit_bytes, depth + 1);
  if (!value)
    return {"", "the variable " + std::string{name.substr(0, 60)} +
                    " is not set and has no default, as in ${NAME:-default}"};
  if (!is_utf8(*value))
    return {"", "the variable " + std::string{name.substr(0, 60)} + " is not UTF-8"};
  return {*value, std::nullopt};
}

Replaced replace(std::string_view text, const Environment& environment, std::size_t limit_bytes,
                 int depth) {
  if (depth > most_depth)
    return {"", "expected defaults within defaults at most " + std::to_string(most_depth) +
                    " deep, got more"};
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
      const std::size_t end = closing_brace(rest);
      if (end == std::string_view::npos)
        return {"", "expected } after ${; a literal ${ is written $${"};
      const Replaced one = value_of(rest.substr(2, end - 2), environment, limit_bytes, depth);
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

}  // namespace

Replaced replace_variables(std::string_view text, const Environment& environment,
                           std::size_t limit_bytes) {
  return replace(text, environment, limit_bytes, 0);
}

}  // namespace troupe::runtime::config
