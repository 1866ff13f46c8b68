#include "runtime/base/canonical_tree.hpp"

#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::is_subtree;
using troupe::left_leaves;
using troupe::maximal_subtrees;
using troupe::ReductionOrder;
using troupe::Subtree;
using troupe::tree_sum;

namespace {
/// The definition of JOB-5, written out.
std::string shape(std::uint32_t first, std::uint32_t count) {
  if (count == 1) return std::to_string(first);
  std::uint32_t left = 1;
  while (left * 2 < count) left *= 2;
  return "(" + shape(first, left) + " " + shape(first + left, count - left) + ")";
}

void collect(Subtree node, std::vector<Subtree>& nodes) {
  nodes.push_back(node);
  if (node.count == 1) return;
  collect(left_child(node), nodes);
  collect(right_child(node), nodes);
}

std::vector<Subtree> nodes_of(std::uint32_t leaves) {
  std::vector<Subtree> nodes;
  collect({0, leaves}, nodes);
  return nodes;
}

std::string added(const std::string& left, const std::string& right) {
  return "(" + left + " " + right + ")";
}

std::string text_sum(std::uint64_t count) {
  return tree_sum(
      count, [](std::uint64_t leaf) { return std::to_string(leaf); }, added);
}
}  // namespace

TEST_CASE("CanonicalTree: the left subtree holds the largest power of two below n leaves (JOB-5)") {
  const std::array<std::uint32_t, 10> left = {0, 0, 1, 2, 2, 4, 4, 4, 4, 8};
  for (std::uint32_t n = 1; n < left.size(); ++n) CHECK(left_leaves(n) == left[n]);
  CHECK(left_leaves(~0U) == 1U << 31);
}

TEST_CASE("CanonicalTree: sums have the shapes of JOB-5") {
  CHECK(text_sum(1) == "0");
  CHECK(text_sum(2) == "(0 1)");
  CHECK(text_sum(3) == "((0 1) 2)");
  CHECK(text_sum(4) == "((0 1) (2 3))");
  CHECK(text_sum(5) == "(((0 1) (2 3)) 4)");
  CHECK(text_sum(6) == "(((0 1) (2 3)) (4 5))");
  CHECK(text_sum(7) == "(((0 1) (2 3)) ((4 5) 6))");
  CHECK(text_sum(8) == "(((0 1) (2 3)) ((4 5) (6 7)))");
  CHECK(text_sum(9) == "((((0 1) (2 3)) ((4 5) (6 7))) 8)");
  for (std::uint32_t n = 1; n <= 200; ++n) CHECK(text_sum(n) == shape(0, n));
}

TEST_CASE("CanonicalTree: no zero is added, so negative zeros sum to one (JOB-5)") {
  const auto sum = tree_sum(
      3, [](std::uint64_t) { return -0.0; },
      [](double left, double right) { return left + right; });
  CHECK(std::signbit(sum));
}

TEST_CASE("CanonicalTree: nodes are told from other ranges, and know their parents") {
  for (std::uint32_t n = 1; n <= 70; ++n) {
    CAPTURE(n);
    const std::vector<Subtree> nodes = nodes_of(n);
    std::uint32_t found = 0;
    for (std::uint32_t first = 0; first <= n; ++first) {
      for (std::uint32_t count = 0; first + count <= n + 1; ++count) {
        const Subtree range = {first, count};
        const bool is_node = std::find(nodes.begin(), nodes.end(), range) != nodes.end();
        CHECK(is_subtree(range, n) == is_node);
        found += is_node ? 1 : 0;
      }
    }
    CHECK(found == 2 * n - 1);
    for (const Subtree node : nodes) {
      if (node.count == 1) continue;
      CHECK(parent(left_child(node), n) == node);
      CHECK(parent(right_child(node), n) == node);
    }
  }
  CHECK_FALSE(is_subtree({~0U, 2}, ~0U));
  CHECK(is_subtree({1U << 31, (1U << 31) - 1}, ~0U));
}

TEST_CASE("CanonicalTree: a holder sends one sum per maximal subtree that it holds whole (JOB-5)") {
  CHECK(maximal_subtrees({0, 8}, 8) == std::vector<Subtree>{{0, 8}});
  CHECK(maximal_subtrees({4, 3}, 7) == std::vector<Subtree>{{4, 3}});
  CHECK(maximal_subtrees({1, 6}, 7) == std::vector<Subtree>{{1, 1}, {2, 2}, {4, 3}});
  CHECK(maximal_subtrees({1, 6}, 8) == std::vector<Subtree>{{1, 1}, {2, 2}, {4, 2}, {6, 1}});
  CHECK(maximal_subtrees({3, 0}, 8).empty());
  for (std::uint32_t n = 1; n <= 40; ++n) {
    CAPTURE(n);
    const std::vector<Subtree> nodes = nodes_of(n);
    for (std::uint32_t first = 0; first < n; ++first) {
      for (std::uint32_t count = 1; first + count <= n; ++count) {
        std::vector<Subtree> maximal;  // inside the range, their parent not
        const auto inside = [&](Subtree node) {
          return node.first >= first && node.first + node.count <= first + count;
        };
        for (const Subtree node : nodes) {
          if (inside(node) && (node.count == n || !inside(parent(node, n))))
            maximal.push_back(node);
        }
        CHECK(maximal_subtrees({first, count}, n) == maximal);  // both from left to right
      }
    }
  }
  CHECK_THROWS_WITH_AS(maximal_subtrees({6, 3}, 8),
                       "tree: expected a range within 8 leaves, got 3 from 6", Error);
  CHECK_THROWS_AS(maximal_subtrees({~0U, ~0U}, 8), Error);
}

TEST_CASE("ReductionOrder: leaves in order of index are added as soon as the tree allows") {
  const ReductionOrder eight{8};
  const std::array<std::uint32_t, 8> after = {0, 1, 0, 2, 0, 1, 0, 3};
  for (std::uint32_t leaf = 0; leaf < 8; ++leaf) CHECK(eight.additions_after(leaf) == after[leaf]);
  const ReductionOrder six{6};
  CHECK(six.additions_after(4) == 0);
  CHECK(six.additions_after(5) == 2);
  CHECK(ReductionOrder{1}.additions_after(0) == 0);
  for (std::uint32_t n = 1; n <= 130; ++n) {
    CAPTURE(n);
    const ReductionOrder order{n};
    std::vector<std::string> pending;
    std::uint32_t most = 0;
    for (std::uint32_t leaf = 0; leaf < n; ++leaf) {
      CHECK(pending.size() == order.pending_before(leaf));
      most = std::max(most, order.pending_before(leaf));
      std::string value = std::to_string(leaf);
      for (std::uint32_t k = 0; k < order.additions_after(leaf); ++k) {
        value = added(pending.back(), value);
        pending.pop_back();
      }
      pending.push_back(value);
    }
    CHECK(order.max_pending() == most);
    REQUIRE(pending.size() == 1);
    CHECK(pending[0] == shape(0, n));
  }
}
