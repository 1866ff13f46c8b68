#include "tests/reference/softmax.hpp"

#include <cmath>

#include "tests/reference/compare.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;

TEST_CASE("Reference softmax: odds are ratios, and huge logits are no trouble") {
  check_close(softmax({2, 2}, {0, std::log(3.0), 1e4, 1e4 - 1e3}), Values{0.25, 0.75, 1, 0},
              "softmax", 1e-12);
}

TEST_CASE("Reference softmax: the gradient agrees with finite differences") {
  const Values x = random_values(3 * 5, 1, -2, 2), dy = random_values(3 * 5, 2);
  check_gradient(
      [&](const Values& at) {
        return dot(softmax({3, 5}, at), dy);
      },
      x, softmax_backward({3, 5}, softmax({3, 5}, x), dy), "dx");
}
