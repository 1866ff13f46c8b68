#include "runtime/base/shard_tree.hpp"

#include <map>

#include "runtime/base/error.hpp"

using troupe::Addition;
using troupe::Error;
using troupe::maximal_subtrees;
using troupe::ShardTree;
using troupe::Subtree;
using Arrival = ShardTree::Arrival;

namespace {
/// A tree with the values that its caller keeps.
struct Sums {
  explicit Sums(std::uint32_t leaves) : tree{leaves} {}

  Arrival add(Subtree node, float value) {
    const ShardTree::Outcome outcome = tree.add(node);
    if (outcome.arrival == Arrival::fresh) at(node) = value;
    for (const Addition& addition : outcome.additions) {
      at(addition.sum) = at(addition.left) + at(addition.right);
    }
    return outcome.arrival;
  }
  float& at(Subtree node) { return values[{node.first, node.count}]; }
  std::uint32_t bits() { return std::bit_cast<std::uint32_t>(at({0, tree.leaves()})); }

  ShardTree tree;
  std::map<std::pair<std::uint32_t, std::uint32_t>, float> values;
};

/// Values whose sum depends on the order.
float leaf_value(std::uint32_t leaf) {
  return (leaf % 2 == 0 ? 1.0F : -0.99F) * std::pow(10.0F, static_cast<float>(leaf * 7 % 9));
}

float reference(Subtree node) {
  if (node.count == 1) return leaf_value(node.first);
  return reference(left_child(node)) + reference(right_child(node));
}
}  // namespace

TEST_CASE("ShardTree: the sum has the same bits in whatever order the shards arrive (JOB-5)") {
  const std::array gradients = {1e8F, 1.0F, -1e8F, 1.0F};  // another order gives another sum
  const float expected = (gradients[0] + gradients[1]) + (gradients[2] + gradients[3]);
  std::array<std::uint32_t, 4> order = {0, 1, 2, 3};
  do {
    Sums sums{4};
    for (const std::uint32_t shard : order) sums.add({shard, 1}, gradients[shard]);
    CHECK(sums.tree.complete());
    CHECK(sums.bits() == std::bit_cast<std::uint32_t>(expected));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("ShardTree: an arrival gives the whole chain of additions, lowest first") {
  ShardTree tree{8};
  for (const std::uint32_t leaf : {0U, 1U, 2U}) tree.add({leaf, 1});
  const auto chain = tree.add({3, 1}).additions;
  REQUIRE(chain.size() == 2);
  CHECK(chain[0] == Addition{{2, 1}, {3, 1}, {2, 2}});
  CHECK(chain[1] == Addition{{0, 2}, {2, 2}, {0, 4}});
  CHECK(tree.known({0, 4}));
  CHECK_FALSE(tree.complete());
  const auto last = tree.add({4, 4}).additions;
  REQUIRE(last.size() == 1);
  CHECK(last[0] == Addition{{0, 4}, {4, 4}, {0, 8}});
  CHECK(tree.complete());
}

TEST_CASE("ShardTree: second values and parts of known nodes make nothing ready (JOB-5)") {
  ShardTree tree{6};
  CHECK(tree.add({0, 2}).arrival == Arrival::fresh);
  CHECK(tree.add({0, 2}).arrival == Arrival::duplicate);
  CHECK(tree.add({1, 1}).arrival == Arrival::covered);
  CHECK(tree.add({4, 1}).arrival == Arrival::fresh);
  CHECK(tree.add({5, 1}).additions.size() == 1);
  CHECK(tree.add({4, 2}).arrival == Arrival::duplicate);  // it was added up here
  CHECK(tree.add({5, 1}).arrival == Arrival::duplicate);
  CHECK(tree.add({2, 2}).additions.size() == 2);
  CHECK(tree.complete());
  CHECK(tree.add({0, 6}).arrival == Arrival::duplicate);
  CHECK(tree.add({3, 1}).arrival == Arrival::covered);
  CHECK(tree.add({3, 1}).additions.empty());
}

TEST_CASE("ShardTree: a node above arrived ones takes their place") {
  ShardTree tree{4};
  tree.add({0, 1});
  CHECK(tree.add({0, 2}).arrival == Arrival::fresh);
  CHECK(tree.add({1, 1}).arrival == Arrival::covered);
  CHECK(tree.add({2, 2}).additions.size() == 1);
  CHECK(tree.complete());
}

TEST_CASE("ShardTree: holders, copies and orders drawn at random all give the bits of JOB-5") {
  std::minstd_rand random{23};
  for (std::uint32_t n = 1; n <= 64; ++n) {
    CAPTURE(n);
    const auto expected = std::bit_cast<std::uint32_t>(reference({0, n}));
    for (int round = 0; round < 20; ++round) {
      // Cut the shards into holders' ranges; each sends its subtrees, some of them twice.
      std::vector<Subtree> parts;
      for (std::uint32_t first = 0; first < n;) {
        const std::uint32_t count =
            std::min(1 + static_cast<std::uint32_t>(random() % 9), n - first);
        for (const Subtree node : maximal_subtrees({first, count}, n)) {
          parts.push_back(node);
          if (random() % 4 == 0) parts.push_back(node);
          if (random() % 4 == 0) parts.push_back({node.first + node.count / 2, 1});
        }
        first += count;
      }
      std::shuffle(parts.begin(), parts.end(), random);
      Sums sums{n};
      for (const Subtree part : parts) sums.add(part, reference(part));
      REQUIRE(sums.tree.complete());
      CHECK(sums.bits() == expected);
    }
  }
}

TEST_CASE("ShardTree: is not complete before every shard has come, and starts anew") {
  ShardTree tree{5};
  for (const std::uint32_t leaf : {4U, 2U, 0U, 1U}) {
    tree.add({leaf, 1});
    CHECK_FALSE(tree.complete());
  }
  tree.add({3, 1});
  CHECK(tree.complete());
  tree.clear();
  CHECK_FALSE(tree.complete());
  CHECK(tree.add({3, 1}).arrival == Arrival::fresh);
  ShardTree single{1};
  CHECK(single.add({0, 1}).additions.empty());
  CHECK(single.complete());
}

TEST_CASE("ShardTree: refuses what is no node of the tree") {
  ShardTree tree{6};
  CHECK_THROWS_WITH_AS(tree.add({1, 2}), "tree: expected a subtree of 6 leaves, got 2 from 1",
                       Error);
  CHECK_THROWS_AS(tree.add({0, 0}), Error);
  CHECK_THROWS_AS(tree.add({6, 1}), Error);
  CHECK_THROWS_AS(tree.add({~0U, 2}), Error);
  CHECK_THROWS_AS(tree.known({2, 3}), Error);
  CHECK_THROWS_AS(ShardTree(0), Error);
  CHECK_THROWS_AS(ShardTree((1U << 24) + 1), Error);
}
