#include "tests/reference/losses.hpp"

#include <cmath>

#include "tests/reference/compare.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;

TEST_CASE("Reference losses: rows worked by hand") {
  // Odds 1 : 3, so the label 1 has 3/4; the second row does not count, the third stands past the rows in use.
  const Loss entropy = softmax_cross_entropy({3, 2}, 2, {0, std::log(3.0), 5, 5, 1, 2}, {1, -1, 0});
  check_close(Values{entropy.sum}, Values{std::log(4.0 / 3.0)}, "entropy", 1e-12);
  check_close(entropy.gradient, Values{0.25, -0.25, 0, 0, 0, 0}, "entropy gradient", 1e-12);
  CHECK(entropy.rows == 1);

  const Loss binary = binary_cross_entropy({1, 2}, 1, {0, std::log(3.0)}, {1, 0});
  check_close(Values{binary.sum}, Values{(std::log(2.0) + std::log(4.0)) / 2}, "binary", 1e-12);
  check_close(binary.gradient, Values{-0.25, 0.375}, "binary gradient", 1e-12);

  const Loss square = mean_squared_error({2, 2}, 1, {1, 2, 9, 9}, {0, 5, 0, 0});
  CHECK(square.sum == 5.0);
  CHECK(square.gradient == Values{1, -3, 0, 0});
  CHECK(square.rows == 1);
}

TEST_CASE("Reference losses: a label that is no class gives NaN") {
  CHECK(std::isnan(softmax_cross_entropy({1, 2}, 1, {0, 0}, {2}).sum));
  CHECK(std::isnan(softmax_cross_entropy({1, 2}, 1, {0, 0}, {-2}).sum));
}

TEST_CASE("Reference losses: gradients agree with finite differences") {
  const Values x = random_values(4 * 5, 1, -2, 2), target = random_values(4 * 5, 2, 0, 1);
  const std::vector<std::int32_t> labels = {4, -1, 0, 2};
  for (const float smoothing : {0.0F, 0.1F}) {
    check_gradient(
        [&](const Values& at) {
          return softmax_cross_entropy({4, 5, smoothing}, 3, at, labels).sum;
        },
        x, softmax_cross_entropy({4, 5, smoothing}, 3, x, labels).gradient, "cross-entropy");
  }
  check_gradient(
      [&](const Values& at) {
        return binary_cross_entropy({4, 5}, 3, at, target).sum;
      },
      x, binary_cross_entropy({4, 5}, 3, x, target).gradient, "binary cross-entropy");
  check_gradient(
      [&](const Values& at) {
        return mean_squared_error({4, 5}, 3, at, target).sum;
      },
      x, mean_squared_error({4, 5}, 3, x, target).gradient, "mean squared error");
}
