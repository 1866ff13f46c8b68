#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/canonical_tree.hpp"

namespace troupe {

/// sum = left + right, in this order.
struct Addition {
  Subtree left;
  Subtree right;
  Subtree sum;

  friend bool operator==(const Addition&, const Addition&) = default;
};

/// Which additions of the canonical tree (JOB-5) have become possible, when values of its nodes arrive
/// in any order and more than once. It deals in nodes; their values are the caller's. A node is known
/// when it arrives or when both its children are known. Not thread-safe; allocates when made only.
class ShardTree {
 public:
  enum class Arrival {
    fresh,      ///< keep the value, carry out the additions
    duplicate,  ///< the node was known: compare the values if the first is still there, drop the second
    covered,  ///< part of a known node: drop it
  };
  struct Outcome {
    Arrival arrival;
    /// In the order in which to carry them out: each needs what was known before, and the sum of the one
    /// before it. Valid until the next call. Their sums are known from now on and are not to be added.
    std::span<const Addition> additions;
  };

  /// @throws Error bad_input unless 1 <= leaves <= 2^24.
  explicit ShardTree(std::uint32_t leaves);

  /// Takes note that the value of `node` is there.
  /// @throws Error bad_input if the tree has no such node; nothing has changed then.
  Outcome add(Subtree node);

  /// Whether the value of this node of the tree came, or could be added up.
  bool known(Subtree node) const;
  /// Whether the sum of the whole tree is known.
  bool complete() const { return known({0, leaves_}); }
  /// Forgets all arrivals: for the next step.
  void clear();

  std::uint32_t leaves() const noexcept { return leaves_; }

 private:
  std::size_t index(Subtree node) const noexcept;
  void check(Subtree node) const;

  std::uint32_t leaves_;
  std::vector<bool> known_;               ///< by index()
  std::array<Addition, 32> additions_{};  ///< of the latest add(), one a level
};

}  // namespace troupe
