#pragma once

#include <string_view>

namespace troupe::apps {

/// What `troupe COMMAND --help` prints; empty for a command that has none of its own.
std::string_view command_help(std::string_view command);

}  // namespace troupe::apps
