#include "runtime/telemetry/escape.hpp"

#include <cstddef>
#include <optional>

namespace troupe::runtime {

namespace {

/// Bytes of the well-formed UTF-8 character that `text` begins with; 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  const auto within = [text](std::size_t i, unsigned low, unsigned high) {
    if (i >= text.size()) return false;
    const unsigned byte = static_cast<unsigned char>(text[i]);
    return byte >= low && byte <= high;
  };
  const auto follows = [&](std::size_t i) { return within(i, 0x80, 0xbf); };
  if (within(0, 0x00, 0x7f)) return 1;
  if (within(0, 0xc2, 0xdf)) return follows(1) ? 2 : 0;
  if (within(0, 0xe0, 0xef)) {  // neither longer than needed nor a surrogate
    const bool second = text[0] == '\xe0'   ? within(1, 0xa0, 0xbf)
                        : text[0] == '\xed' ? within(1, 0x80, 0x9f)
                                            : follows(1);
    return second && follows(2) ? 3 : 0;
  }
  if (within(0, 0xf0, 0xf4)) {  // up to U+10FFFF
    const bool second = text[0] == '\xf0'   ? within(1, 0x90, 0xbf)
                        : text[0] == '\xf4' ? within(1, 0x80, 0x8f)
                                            : follows(1);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// The code of a character that a terminal or a reader of lines would take for an order: C0, DEL, C1, U+2028, U+2029.
std::optional<unsigned> control_code(std::string_view character) {
  const unsigned first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f) return first;
  if (first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0) {
    return static_cast<unsigned char>(character[1]);
  }
  if (character == "\u2028") return 0x2028;
  if (character == "\u2029") return 0x2029;
  return std::nullopt;
}

void append_code(std::string& out, unsigned code) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(code >> shift) & 15];
}

/// Calls `append` with each character of `text` that is valid UTF-8, and with U+FFFD for each byte that is not.
template <class Append>
void for_each_character(std::string_view text, const Append& append) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    append(bytes == 0 ? std::string_view{"\ufffd"} : text.substr(0, bytes));
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
}

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for_each_character(text, [&](std::string_view character) {
    if (character == "\n") {
      out += "\\n";
    } else if (character == "\r") {
      out += "\\r";
    } else if (character == "\t") {
      out += "\\t";
    } else if (const std::optional<unsigned> code = control_code(character)) {
      append_code(out, *code);
    } else {
      if (quoted && (character == "\"" || character == "\\")) out += '\\';
      out += character;
    }
  });
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

void append_printable(std::string& out, std::string_view text) {
  append_escaped(out, text, false);
}

void append_valid(std::string& out, std::string_view text) {
  for_each_character(text, [&](std::string_view character) { out += character; });
}

std::string_view cut(std::string_view text, std::size_t limit_bytes) {
  if (text.size() <= limit_bytes) return text;
  // A character has at most three bytes after its first; what has more is not UTF-8 anyway.
  std::size_t end = limit_bytes;
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80; ++i) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace troupe::runtime
