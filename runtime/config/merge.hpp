#pragma once

#include <string_view>

#include "runtime/config/node.hpp"

namespace troupe::runtime::config {

/// Two lists of entries as one: entries of the same name are merged, the others of `second` stand behind. Of two entries
/// that are one, `actors` are merged likewise, `with` and `supervisor` key by key; any other key of the second takes the
/// place of the first's. What is no list or no map is left to the checks: then `second` stands for both.
NodePtr merged_actors(const NodePtr& first, const NodePtr& second);

/// An entry's name, or nothing.
std::string_view name_of(const Node& entry);

/// The map with a key set.
NodePtr with_entry(const Node& map, std::string_view key, const Mark& mark, NodePtr value);

}  // namespace troupe::runtime::config
