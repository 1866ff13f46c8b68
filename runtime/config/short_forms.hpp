#pragma once

#include <string_view>
#include <vector>

#include "runtime/config/node.hpp"
#include "runtime/config/problems.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::runtime::config {

/// The keys of all short forms.
std::vector<std::string_view> section_keys(const Registry& registry);

/// Whether a path of an override starts with the key of a section: one that the config has, or of which there is no
/// actor of the same name.
bool sets_section(const Node& root, const Registry& registry, std::string_view path);

/// The config with the entries that its sections stand for before those that it has; an entry of the same name
/// completes what the section made (merged(), merge.hpp). The sections stay.
NodePtr expand_short_forms(const NodePtr& root, const Registry& registry, Problems& problems);

}  // namespace troupe::runtime::config
