#include "tests/reference/layer_norm.hpp"

#include "gpu/operation.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::LayerNorm;
using troupe::gpu::LayerNormBackward;

namespace {

struct Case {
  std::int64_t rows, width;
  // A row of two normalises to about ±1 whatever it holds: what is left of its gradient is epsilon's share.
  float epsilon = 1e-5F;
  double mean = 0.25;
};
const std::vector<Case> cases = {
    {1, 1},
    {5, 1},
    {3, 2, 0.5F},
    {17, 3, 0.1F},
    {1, 5},
    {4, 15},
    {3, 16},
    {3, 17},
    {33, 33},
    {2, 64},
    {5, 129},
    {1, 1000},
    {7, 1000},
    {3, 999},
    {4, 100, 1e-3F, 30.0},  // a mean that swallows the deviation in one-pass sums of squares
};

void check_case(const Subject& subject, const Case& c, std::uint64_t seed) {
  const std::string name = subject.name + " layer norm, rows " + std::to_string(c.rows) +
                           ", width " + std::to_string(c.width) + ", seed " + std::to_string(seed);
  const auto rows = static_cast<std::size_t>(c.rows), width = static_cast<std::size_t>(c.width);
  const Values x = rounded(random_values(rows * width, seed, c.mean - 1, c.mean + 1), subject.type),
               dy = rounded(random_values(rows * width, seed + 1), subject.type),
               scale = random_values(width, seed + 2, 0.5, 1.5),
               shift = random_values(width, seed + 3);

  const LayerNorm shape{c.rows, c.width, c.epsilon, subject.type};
  const LayerNormResult expected = layer_norm(shape, x, scale, shift);
  Arguments forward;
  forward.in(x, subject.type);
  forward.in(scale);
  forward.in(shift);
  forward.out(x.size(), subject.type);
  forward.out(rows);
  forward.out(rows);
  if (!forward.run(subject, shape, name)) return;
  check_close(forward.values(3, subject.type), expected.y, name + ", y", subject.tolerance());
  check_close(forward.get(4), expected.mean, name + ", mean");
  check_close(forward.get(5), expected.inverse_deviation, name + ", inverse deviation");

  const LayerNormBackward shape_backward{c.rows, c.width, c.epsilon, subject.type};
  const NormGradients gradients = layer_norm_backward(shape_backward, x, dy, scale);
  Arguments backward;
  backward.in(x, subject.type);
  backward.in(dy, subject.type);
  backward.in(scale);
  backward.in(forward.get(4));
  backward.in(forward.get(5));
  backward.out(x.size(), subject.type);
  backward.out(width);
  backward.out(width);
  REQUIRE(backward.run(subject, shape_backward, name + ", backward"));
  check_close(backward.values(5, subject.type), gradients.x, name + ", dx", subject.tolerance());
  check_close(backward.get(6), gradients.scale, name + ", dscale", subject.tolerance());
  check_close(backward.get(7), gradients.shift, name + ", dshift", subject.tolerance());
}

void check_all(const Subject& subject) {
  for (const Case& c : cases) {
    for (const std::uint64_t seed : {1U, 20U, 300U}) check_case(subject, c, seed);
  }
}

}  // namespace

TEST_CASE("LayerNorm: portable kernels agree with the reference") {
  check_all(portable());
}
TEST_CASE("LayerNorm: oneDNN's kernels agree with the reference") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("LayerNorm: in bf16 it agrees with the reference") {
  check_all(narrow());
}
