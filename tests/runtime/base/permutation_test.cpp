#include "runtime/base/permutation.hpp"

#include <unordered_set>

#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::Permutation;
using troupe::sample_index;

namespace {
bool is_permutation(const Permutation& permutation) {
  std::vector<bool> seen(permutation.size(), false);
  for (std::uint64_t i = 0; i < permutation.size(); ++i) {
    const std::uint64_t to = permutation(i);
    if (to >= permutation.size() || seen[to]) return false;
    seen[to] = true;
  }
  return true;
}

constexpr std::uint64_t largest = std::uint64_t{1} << 40;
}  // namespace

TEST_CASE("Permutation: takes every value once, whatever the size (JOB-1)") {
  for (std::uint64_t size = 1; size <= 300; ++size) {
    CAPTURE(size);
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      CHECK(is_permutation(Permutation{42, epoch, size}));
    }
  }
  for (const std::uint64_t size : {1000U, 60'000U, 1U << 16, (1U << 16) + 1, 1'000'000U}) {
    CAPTURE(size);
    CHECK(is_permutation(Permutation{42, 7, size}));
  }
}

TEST_CASE("Permutation: is injective and in range on samples of the largest sets") {
  for (const std::uint64_t size : {largest, largest - 1, largest / 2 + 1, largest / 2}) {
    CAPTURE(size);
    const Permutation permutation{3, 1, size};
    std::unordered_set<std::uint64_t> seen;
    const std::uint64_t stride = size / 30'000;
    std::uint64_t asked = 0;
    for (std::uint64_t i = 0; i < size; i += stride, ++asked) {
      const std::uint64_t to = permutation(i);
      REQUIRE(to < size);
      seen.insert(to);
    }
    for (std::uint64_t i = size - 10'000; i < size - 1; ++i) {
      if (i % stride == 0) continue;  // asked above
      seen.insert(permutation(i));
      ++asked;
    }
    CHECK(seen.size() == asked);
  }
}

TEST_CASE("Permutation: another seed or epoch is another order, the same ones the same") {
  const std::uint64_t size = 1000;
  const Permutation base{1, 0, size};
  const auto fixed_points = [&](const Permutation& other) {
    int same = 0;
    for (std::uint64_t i = 0; i < size; ++i) same += base(i) == other(i) ? 1 : 0;
    return same;
  };
  CHECK(fixed_points(Permutation{1, 0, size}) == 1000);
  // Two random orders agree in 1 place on average, in 10 or more with probability 1e-7.
  CHECK(fixed_points(Permutation{2, 0, size}) < 10);
  CHECK(fixed_points(Permutation{1, 1, size}) < 10);
  CHECK(fixed_points(Permutation{1, std::uint64_t{1} << 32, size}) < 10);
  CHECK(fixed_points(Permutation{1 | std::uint64_t{1} << 32, 0, size}) < 10);
}

TEST_CASE(
    "Permutation: every item falls on every place, and every pair on every pair, equally often") {
  for (const std::uint64_t size : {2U, 3U, 4U, 5U, 7U, 8U, 13U, 16U, 17U, 32U}) {
    CAPTURE(size);
    const int orders = 20'000;
    std::vector<int> at(size * size), neighbours(size * size);
    for (int seed = 0; seed < orders; ++seed) {
      const Permutation permutation{static_cast<std::uint64_t>(seed), 5, size};
      for (std::uint64_t i = 0; i < size; ++i) ++at[i * size + permutation(i)];
      ++neighbours[permutation(0) * size + permutation(1)];
    }
    // Chi-square has mean f and variance 2f for f degrees of freedom: 5 deviations above the mean.
    const auto bound = [](double freedom) { return freedom + 5 * std::sqrt(2 * freedom); };
    const double expected = orders / static_cast<double>(size);
    double chi = 0;
    for (const int count : at) chi += (count - expected) * (count - expected) / expected;
    const double n = static_cast<double>(size);
    CHECK(chi < bound((n - 1) * (n - 1)) * n / (n - 1));  // rows and columns are exact
    const double pair = orders / (n * (n - 1));
    chi = 0;
    for (std::uint64_t k = 0; k < size * size; ++k) {
      if (k / size == k % size) continue;
      chi += (neighbours[k] - pair) * (neighbours[k] - pair) / pair;
    }
    CHECK(chi < bound(n * (n - 1) - 1));
  }
}

TEST_CASE("Permutation: of three items all six orders are equally likely") {
  std::array<int, 27> count{};
  for (std::uint64_t seed = 0; seed < 60'000; ++seed) {
    const Permutation permutation{seed, 0, 3};
    ++count[permutation(0) * 9 + permutation(1) * 3 + permutation(2)];
  }
  for (const int found : count) {
    if (found != 0) CHECK(std::abs(found - 10'000) < 5 * 92);  // binomial deviation: 91.3
  }
  CHECK(std::count(count.begin(), count.end(), 0) == 27 - 6);
}

TEST_CASE("Permutation: sample_index walks through the epochs (JOB-1)") {
  const std::uint64_t size = 10;
  for (std::uint64_t position = 0; position < 50; ++position) {
    CHECK(sample_index(9, position, size) == Permutation{9, position / 10, size}(position % 10));
  }
}

TEST_CASE("Permutation: has the values that jobs on disk were made with") {
  // Worked out by another program.
  std::vector<std::uint64_t> first;
  for (std::uint64_t p = 0; p < 6; ++p) first.push_back(sample_index(1, p, 60'000));
  CHECK(first == std::vector<std::uint64_t>{43725, 51333, 4653, 46624, 4689, 53156});
  CHECK(sample_index(1, 1'000'000, 1000) == 634);
  CHECK(sample_index(1, largest + 5, largest) == 718'662'875'172);
  CHECK(sample_index(std::uint64_t{1} << 33 | 5, 103, 100) == 23);
}

TEST_CASE("Permutation: refuses an empty set, one above 2^40, and an index outside") {
  CHECK_THROWS_WITH_AS(Permutation(1, 0, 0), "permutation: expected a size of 1 to 2^40, got 0",
                       Error);
  CHECK_THROWS_AS(Permutation(1, 0, largest + 1), Error);
  CHECK_THROWS_WITH_AS(Permutation(1, 0, 5)(5), "permutation: expected an index below 5, got 5",
                       Error);
  CHECK_THROWS_AS(sample_index(1, 0, 0), Error);
}
