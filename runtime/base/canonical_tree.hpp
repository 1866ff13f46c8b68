#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

/// The canonical tree over n leaves (JOB-5): the left subtree of a node holds the largest power of two
/// below its number of leaves. Sums that follow it have the same bits whoever adds, and whenever.
namespace troupe {

/// A node of a canonical tree: leaves first ... first + count - 1.
struct Subtree {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  friend bool operator==(const Subtree&, const Subtree&) = default;
};

/// Leaves of the left child of a node of `count` leaves: the largest power of two below count. 0 for a
/// leaf. @param count at least 1.
constexpr std::uint32_t left_leaves(std::uint32_t count) noexcept {
  return std::bit_floor(count - 1);
}

constexpr Subtree left_child(Subtree node) noexcept {
  return {node.first, left_leaves(node.count)};
}
constexpr Subtree right_child(Subtree node) noexcept {
  const std::uint32_t left = left_leaves(node.count);
  return {node.first + left, node.count - left};
}

/// Whether `node` is a node of the tree over `leaves` leaves.
bool is_subtree(Subtree node, std::uint32_t leaves) noexcept;

/// The node above. @param node a node of that tree, but not its root.
Subtree parent(Subtree node, std::uint32_t leaves) noexcept;

/// The fewest nodes that together hold exactly the leaves of `range`, from left to right: what a holder
/// of these shards sends. Empty for an empty range.
/// @throws Error bad_input if the range does not lie within the leaves.
std::vector<Subtree> maximal_subtrees(Subtree range, std::uint32_t leaves);

/// When to add, if leaves come one after another in order of index: keep a stack of pending sums; on a
/// leaf, `value = top + value` as often as additions_after() says, popping the top each time, and push
/// the value. After the last leaf the stack holds the sum of the tree alone. A kernel can so fuse the
/// whole chain of a leaf into one pass. Of 8 leaves the fourth one, 3, gives 2 + 3, then (0 + 1) + (2 + 3).
class ReductionOrder {
 public:
  /// @param leaves at least 1: of a whole tree, or of any node, which is a canonical tree itself.
  explicit constexpr ReductionOrder(std::uint64_t leaves) noexcept : leaves_{leaves} {}

  constexpr std::uint64_t leaves() const noexcept { return leaves_; }

  /// Sums on the stack when `leaf` comes: the full subtrees that make up 0 ... leaf - 1.
  constexpr std::uint32_t pending_before(std::uint64_t leaf) const noexcept {
    return static_cast<std::uint32_t>(std::popcount(leaf));
  }
  /// Additions that `leaf` makes possible: as many as a binary counter carries; the last leaf takes all.
  constexpr std::uint32_t additions_after(std::uint64_t leaf) const noexcept {
    return leaf + 1 == leaves_ ? pending_before(leaf)
                               : static_cast<std::uint32_t>(std::countr_zero(leaf + 1));
  }
  /// The most sums that are pending when a leaf comes: the buffers that a kernel needs beside the leaf's.
  constexpr std::uint32_t max_pending() const noexcept {
    return static_cast<std::uint32_t>(std::bit_width(leaves_)) - 1;
  }

 private:
  std::uint64_t leaves_;
};

/// Sum of the canonical tree over leaf(0) ... leaf(count - 1), asked for in this order, each once.
/// Allocates nothing; keeps at most 64 values.
/// @param count at least 1: no sum stands for no leaves (-0.0 + 0.0 is not -0.0).
/// @param leaf std::uint64_t -> Value, which is default-constructible and assignable.
/// @param add (left, right) -> Value.
template <class Leaf, class Add>
constexpr auto tree_sum(std::uint64_t count, Leaf&& leaf, Add&& add) {
  using Value = decltype(leaf(std::uint64_t{0}));
  const ReductionOrder order{count};
  std::array<Value, 64> pending{};
  std::size_t held = 0;
  Value value = leaf(std::uint64_t{0});
  for (std::uint64_t index = 1; index < count; ++index) {
    pending[held++] = value;
    value = leaf(index);
    for (std::uint32_t k = order.additions_after(index); k > 0; --k) {
      value = add(pending[--held], value);
    }
  }
  return value;
}

}  // namespace troupe
