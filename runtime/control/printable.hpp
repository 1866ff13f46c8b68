#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// `text` as one line that a terminal only shows and never obeys: control characters (the line end too),
/// and those that reorder text, become escapes such as "\n", "\x1b" and "\u202e"; so does each byte that is
/// not UTF-8. The result is valid UTF-8.
std::string printable(std::string_view text);

/// How many code points valid UTF-8 has; they are taken for one column each.
std::size_t columns(std::string_view utf8);

/// The first `limit` code points of valid UTF-8; where some are left off, the last one is "…".
std::string cut(std::string_view utf8, std::size_t limit);

}  // namespace troupe::runtime
