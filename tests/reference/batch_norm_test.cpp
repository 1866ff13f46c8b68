#include "tests/reference/batch_norm.hpp"

#include "tests/reference/compare.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;

TEST_CASE("Reference batch norm: two channels worked by hand") {
  // Channel 0: 1, 3: mean 2, variance 1, with epsilon 3 deviation 2. Channel 1: constant.
  const BatchNormResult result = batch_norm({2, 2, 3.0F}, {1, 5, 3, 5}, {4, 1}, {1, 7});
  CHECK(result.mean == Values{2, 5});
  CHECK(result.variance == Values{1, 0});
  CHECK(result.y == Values{-1, 7, 3, 7});
  CHECK(result.moments == Values{2, 4, 10, 10, 50});
}

TEST_CASE("Reference batch norm: gradients agree with finite differences") {
  for (const Activation activation : {Activation::none, Activation::relu}) {
    const Values x = random_values(7 * 3, 1), scale = random_values(3, 2, 0.5, 1.5),
                 shift = random_values(3, 3), dy = random_values(7 * 3, 4);
    const auto loss = [&](const Values& x_at, const Values& scale_at, const Values& shift_at) {
      return dot(batch_norm({7, 3, 1e-2F, activation}, x_at, scale_at, shift_at).y, dy);
    };
    const NormGradients gradients =
        batch_norm_backward({7, 3, 1e-2F, activation}, x, dy, scale, shift);
    check_gradient([&](const Values& at) { return loss(at, scale, shift); }, x, gradients.x, "dx");
    check_gradient([&](const Values& at) { return loss(x, at, shift); }, scale, gradients.scale,
                   "dscale");
    check_gradient([&](const Values& at) { return loss(x, scale, at); }, shift, gradients.shift,
                   "dshift");
  }
}

TEST_CASE("Reference batch norm: inference with the measured moments is training's forward") {
  const Values x = random_values(7 * 3, 1), scale = random_values(3, 2),
               shift = random_values(3, 3);
  const BatchNormResult training = batch_norm({7, 3, 1e-2F, Activation::relu}, x, scale, shift);
  check_close(batch_norm_inference({7, 3, 1e-2F, Activation::relu}, x, scale, shift, training.mean,
                                   training.variance),
              training.y, "inference", 1e-12);
}
