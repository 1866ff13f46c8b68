#pragma once

#include <string_view>

namespace troupe {

/// What names of nodes, actors and shared memories are made of: letters, digits, '_', '-' and '.'.
constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

/// One or more of these, but not "." or "..", which mean something in a path.
constexpr bool is_name(std::string_view text) {
  for (const char c : text)
    if (!is_name_character(c)) return false;
  return !text.empty() && text != "." && text != "..";
}

}  // namespace troupe
