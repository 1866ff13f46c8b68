#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime::config {

/// Where something was written.
struct Mark {
  std::size_t source = 0;  ///< 0: the file; n: the n-th override
  int line = 0;
  int column = 0;

  auto operator<=>(const Mark&) const = default;
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Entry {
  std::string key;
  Mark mark;
  NodePtr value;
};

/// A piece of YAML, never changed once built; an alias shares what it names. Keys are texts, each there once.
struct Node {
  enum class Kind { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  Mark mark;
  std::string text = {};            ///< of a scalar, its variables replaced
  std::vector<NodePtr> items = {};  ///< of a list
  std::vector<Entry> entries = {};  ///< of a map
  bool faulty = false;              ///< a problem was told already: what it holds means nothing
  // Copies that aliases stand for counted, so that whoever walks the tree knows the effort.
  std::size_t nodes = 1;
  std::size_t text_bytes = 0;
  std::size_t height = 1;

  const Entry* find(std::string_view key) const {
    for (const Entry& entry : entries)
      if (entry.key == key) return &entry;
    return nullptr;
  }
};

}  // namespace troupe::runtime::config
