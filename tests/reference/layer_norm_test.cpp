#include "tests/reference/layer_norm.hpp"

#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;

TEST_CASE("Reference layer norm: a row worked by hand") {
  // 1, 3: mean 2, variance 1, with epsilon 3 deviation 2.
  const LayerNormResult result = layer_norm({1, 2, 3.0F}, {1, 3}, {4, 2}, {1, 7});
  CHECK(result.y == Values{-1, 8});
  CHECK(result.mean == Values{2});
  CHECK(result.inverse_deviation == Values{0.5});
}

TEST_CASE("Reference layer norm: gradients agree with finite differences") {
  const Values x = random_values(3 * 7, 1), scale = random_values(7, 2),
               shift = random_values(7, 3), dy = random_values(3 * 7, 4);
  const auto loss = [&](const Values& x_at, const Values& scale_at, const Values& shift_at) {
    return dot(layer_norm({3, 7, 1e-2F}, x_at, scale_at, shift_at).y, dy);
  };
  const NormGradients gradients = layer_norm_backward({3, 7, 1e-2F}, x, dy, scale);
  check_gradient([&](const Values& at) { return loss(at, scale, shift); }, x, gradients.x, "dx");
  check_gradient([&](const Values& at) { return loss(x, at, shift); }, scale, gradients.scale,
                 "dscale");
  check_gradient([&](const Values& at) { return loss(x, scale, at); }, shift, gradients.shift,
                 "dshift");
}
