#include "runtime/control/printable.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace troupe::runtime {
namespace {

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;  // 0: no UTF-8 begins here
};

CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {0, 0};
  std::uint32_t value = first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  const bool too_long = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (too_long || surrogate || value > 0x10FFFF) return {0, 0};
  return {value, bytes};
}

bool obeyed_by_terminals(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||       // control characters
         c == 0x61C || c == 0x200E || c == 0x200F ||   // marks of direction
         (c >= 0x2028 && c <= 0x202E) ||               // line ends, embeddings
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;  // isolates, byte order mark
}

std::string escape(std::uint32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  char text[16];
  std::snprintf(text, sizeof(text), c < 0x100 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(c));
  return text;
}

bool begins_code_point(char c) {
  return (static_cast<std::uint8_t>(c) & 0xC0) != 0x80;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint next = decode(text);
    const std::size_t bytes = std::max<std::size_t>(next.bytes, 1);
    if (next.bytes == 0)
      result += escape(static_cast<std::uint8_t>(text.front()));
    else if (obeyed_by_terminals(next.value))
      result += escape(next.value);
    else
      result += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return result;
}

std::size_t columns(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, begins_code_point));
}

std::string cut(std::string_view utf8, std::size_t limit) {
  if (columns(utf8) <= limit) return std::string{utf8};
  if (limit == 0) return {};
  std::size_t end = 0;
  for (std::size_t seen = 0; end < utf8.size(); ++end)
    if (begins_code_point(utf8[end]) && seen++ == limit - 1) break;
  return std::string{utf8.substr(0, end)} + "…";
}

}  // namespace troupe::runtime
