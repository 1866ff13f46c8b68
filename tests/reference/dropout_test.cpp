#include "tests/reference/dropout.hpp"

#include <algorithm>

#include "runtime/base/random.hpp"

using namespace troupe::test::reference;

TEST_CASE("Reference dropout: keeps by the draw of each position and element (JOB-3)") {
  const troupe::gpu::StepState step{.position = 40, .seed = 9};
  const auto keeps = dropout_keeps({3, 6, 0.25F, 5}, step);
  for (std::uint64_t r = 0; r < 3; ++r) {
    for (std::uint64_t e = 0; e < 6; ++e) {
      const auto bits = troupe::draw_bits(9, 40 + r, troupe::Purpose::dropout, 5, e);
      CHECK(keeps[r * 6 + e] == (troupe::uniform(bits) >= 0.25F));
    }
  }
}

TEST_CASE("Reference dropout: keeps the expectation") {
  const troupe::gpu::StepState step{.seed = 3};
  const Values y = dropout({100, 1000, 0.25F, 0}, step, Values(100'000, 1.0));
  // Of 100,000 kept with 3/4: a deviation of sqrt(100,000 · 3/4 · 1/4) = 137; five of them are allowed.
  const auto kept = std::count(y.begin(), y.end(), 1.0 / 0.75);
  CHECK(std::abs(kept - 75'000) < 5 * 137);
  CHECK(std::count(y.begin(), y.end(), 0.0) == 100'000 - kept);
}
