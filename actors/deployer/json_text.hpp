#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::actors {

/// A JSON string; what is no UTF-8 is replaced by U+FFFD.
void append_quoted(std::string& to, std::string_view text);
/// The shortest text that reads back as the same bits; null for what is not finite.
void append_number(std::string& to, float value);

/// Whether brackets outside of strings are nested deeper than `limit`. A cheap look before a text is parsed.
bool deeper_than(std::string_view json, std::size_t limit);

}  // namespace troupe::actors
