#pragma once

#include <optional>
#include <string>

namespace troupe::test {

/// The path of a file of the public data sets, whose folder TROUPE_DATA names; nothing without it.
std::optional<std::string> find_data(const std::string& name);

}  // namespace troupe::test
