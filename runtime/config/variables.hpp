#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/parse.hpp"

namespace troupe::runtime::config {

/// A text with `${NAME}` and `${NAME:-default}` replaced; `$${` is a literal `${`.
struct Replaced {
  std::string text;
  std::optional<std::string> problem;
};

/// At most `limit_bytes` of text come back.
Replaced replace_variables(std::string_view text, const Environment& environment,
                           std::size_t limit_bytes);

}  // namespace troupe::runtime::config
