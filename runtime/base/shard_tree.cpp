#include "runtime/base/shard_tree.hpp"

#include <algorithm>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe {
namespace {
std::uint32_t checked(std::uint32_t leaves) {
  if (leaves == 0 || leaves > std::uint32_t{1} << 24) {
    throw Error{ErrorCode::bad_input,
                "tree: expected 1 to 2^24 leaves, got " + std::to_string(leaves)};
  }
  return leaves;
}
}  // namespace

ShardTree::ShardTree(std::uint32_t leaves)
    : leaves_{checked(leaves)}, known_(2 * std::size_t{leaves} - 1, false) {}

// Each gap between two leaves belongs to one inner node, the one that splits there.
std::size_t ShardTree::index(Subtree node) const noexcept {
  if (node.count == 1) return node.first;
  return std::size_t{leaves_} - 1 + node.first + left_leaves(node.count);
}

void ShardTree::check(Subtree node) const {
  if (is_subtree(node, leaves_)) return;
  throw Error{ErrorCode::bad_input, "tree: expected a subtree of " + std::to_string(leaves_) +
                                        " leaves, got " + std::to_string(node.count) + " from " +
                                        std::to_string(node.first)};
}

bool ShardTree::known(Subtree node) const {
  check(node);
  return known_[index(node)];
}

ShardTree::Outcome ShardTree::add(Subtree node) {
  check(node);
  const Subtree root = {0, leaves_};
  if (known_[index(node)]) return {Arrival::duplicate, {}};
  for (Subtree above = node; above != root;) {
    above = parent(above, leaves_);
    if (known_[index(above)]) return {Arrival::covered, {}};
  }
  known_[index(node)] = true;
  std::size_t count = 0;
  while (node != root) {
    const Subtree above = parent(node, leaves_);
    const Addition addition = {left_child(above), right_child(above), above};
    if (!known_[index(addition.left)] || !known_[index(addition.right)]) break;
    known_[index(above)] = true;
    additions_[count++] = addition;
    node = above;
  }
  return {Arrival::fresh, std::span{additions_}.first(count)};
}

void ShardTree::clear() {
  std::fill(known_.begin(), known_.end(), false);
}

}  // namespace troupe
