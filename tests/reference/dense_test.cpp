#include "tests/reference/dense.hpp"

#include "tests/reference/activations.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;

TEST_CASE("Reference dense: a product worked by hand") {
  // [1 2 3] · [1 0 -1]ᵀ + 10 = 8, [1 2 3] · [2 2 2]ᵀ + 20 = 32
  CHECK(dense({1, 3, 2}, {1, 2, 3}, {1, 0, -1, 2, 2, 2}, {10, 20}) == Values{8, 32});
  CHECK(dense({1, 3, 2, false, troupe::gpu::Activation::relu}, {1, 2, 3}, {1, 0, -1, 2, 2, 2},
              {}) == Values{0, 12});
}

TEST_CASE("Reference dense: gradients agree with finite differences") {
  const Values x = random_values(3 * 5, 1), weight = random_values(4 * 5, 2),
               bias = random_values(4, 3), dy = random_values(3 * 4, 4);
  const auto loss = [&](const Values& x_at, const Values& weight_at, const Values& bias_at) {
    return dot(dense({3, 5, 4}, x_at, weight_at, bias_at), dy);
  };
  const WeightGradients gradients = dense_backward_weights({3, 5, 4}, x, dy);
  check_gradient([&](const Values& at) { return loss(at, weight, bias); }, x,
                 dense_backward_data({3, 5, 4}, dy, weight), "dx");
  check_gradient([&](const Values& at) { return loss(x, at, bias); }, weight, gradients.weight,
                 "dweight");
  check_gradient([&](const Values& at) { return loss(x, weight, at); }, bias, gradients.bias,
                 "dbias");
}
