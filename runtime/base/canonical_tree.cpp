#include "runtime/base/canonical_tree.hpp"

#include <algorithm>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe {
namespace {
/// In 64 bits, since what is asked about may be no node.
std::uint64_t end_of(Subtree node) {
  return std::uint64_t{node.first} + node.count;
}

std::uint32_t lowest_bit(std::uint32_t value) {
  return value & (~value + 1);
}
}  // namespace

// Two kinds of nodes exist: aligned blocks of a power of two, and those on the right edge, which begin
// where leaves, written in binary, is cut off.
bool is_subtree(Subtree node, std::uint32_t leaves) noexcept {
  if (node.count == 0 || end_of(node) > leaves) return false;
  const bool block = std::has_single_bit(node.count) && node.first % node.count == 0;
  const bool edge =
      end_of(node) == leaves && (node.first == 0 || node.count < lowest_bit(node.first));
  return block || edge;
}

Subtree parent(Subtree node, std::uint32_t leaves) noexcept {
  const std::uint32_t left_sibling = lowest_bit(node.first);
  if (end_of(node) == leaves || node.count == left_sibling) {
    return {node.first - left_sibling, left_sibling + node.count};
  }
  return {node.first, node.count + std::min(node.count, leaves - node.first - node.count)};
}

std::vector<Subtree> maximal_subtrees(Subtree range, std::uint32_t leaves) {
  if (end_of(range) > leaves) {
    throw Error{ErrorCode::bad_input, "tree: expected a range within " + std::to_string(leaves) +
                                          " leaves, got " + std::to_string(range.count) + " from " +
                                          std::to_string(range.first)};
  }
  std::vector<Subtree> nodes;
  while (range.count > 0) {
    Subtree node = range;
    if (!is_subtree(node, leaves)) {
      node.count = std::bit_floor(range.count);
      if (range.first != 0) node.count = std::min(node.count, lowest_bit(range.first));
    }
    nodes.push_back(node);
    range = {range.first + node.count, range.count - node.count};
  }
  return nodes;
}

}  // namespace troupe
