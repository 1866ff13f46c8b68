#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/node.hpp"
#include "runtime/config/problems.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime::config {

// Less than a file may have: what a short form makes of it lies deeper, and has to be read as well.
constexpr std::size_t most_structure_depth = 32;
// Of each key: a longer one could not stand before its value on one line.
constexpr std::size_t most_key_bytes = 128;

/// What a node holds. None, and told, if it is deeper or has longer keys than a structure may have, or holds what is
/// faulty. `name` is what the problems start with.
std::optional<Structure> to_structure(std::string_view name, const Node& node, Problems& problems);

/// The same, but what is faulty in it is nothing, so that the rest can be looked at.
Structure sound_structure(std::string_view name, const Node& node, Problems& problems);

/// A node, and where its problems are told: of a scalar its own mark, of a list or a map that of its key.
struct Place {
  NodePtr node;
  Mark mark;
};
/// What a JSON pointer names, or the nearest place above it that there is.
Place find_place(const Place& root, std::string_view pointer);
/// A key as a part of a JSON pointer.
std::string escaped(std::string_view key);

/// As one would write it in a config, behind "key:" on a line that is indented by `indent`: on that line if it is short,
/// else as lines of its own. `comment` stands at the end of the key's line. Ends with a line break.
std::string to_yaml(const Structure& structure, std::size_t indent, std::string_view comment);

}  // namespace troupe::runtime::config
