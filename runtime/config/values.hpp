#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/node.hpp"
#include "runtime/config/problems.hpp"
#include "runtime/config/structure.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime::config {

/// The value that a node has by a schema. If it has none, the problem is told.
std::optional<ParameterValue> read_value(const ParameterSchema& schema, const Node& node,
                                         Problems& problems);

/// The same for a schema that is a structure; its check has been run.
std::optional<ParameterValue> read_structure(const ParameterSchema& schema, const Place& place,
                                             Problems& problems);

/// The same for the value of a key of the map, if the key is there.
std::optional<ParameterValue> read_key(const Node& map, const ParameterSchema& schema,
                                       Problems& problems);

/// Tells whether it is a map, and of each key that is not among `keys`. Nothing is read as an empty map.
bool check_map(std::string_view what, const Node& node, const std::vector<std::string_view>& keys,
               Problems& problems);

/// Whether it may be the name of a node or an actor; told if not.
bool check_name(const Node& node, Problems& problems);

}  // namespace troupe::runtime::config
