#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// Appends `text` as a JSON string, quotes included, always one line of valid UTF-8: control characters (C1 and
/// the line separators too) are escaped, and each byte that is not part of valid UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);

/// The same for a line that people read: without quotes, and '"' and '\' stay as they are.
void append_printable(std::string& out, std::string_view text);

/// Appends `text` as it is but for bytes that are not part of valid UTF-8, which become U+FFFD.
void append_valid(std::string& out, std::string_view text);

/// The longest beginning of `text` of at most `limit_bytes` that does not cut a character in two.
std::string_view cut(std::string_view text, std::size_t limit_bytes);

}  // namespace troupe::runtime
