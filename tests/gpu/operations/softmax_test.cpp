#include "tests/reference/softmax.hpp"

#include "gpu/operation.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Softmax;
using troupe::gpu::SoftmaxBackward;

namespace {

struct Case {
  std::int64_t rows, width;
};
const std::vector<Case> cases = {{1, 1},  {3, 1},  {5, 2},  {1, 10},   {32, 10},  {17, 15},
                                 {4, 16}, {3, 17}, {2, 33}, {1, 1000}, {3, 1000}, {2, 4097}};

void check_case(const Subject& subject, const Case& c, double scale, std::uint64_t seed) {
  const std::string name = subject.name + " softmax, rows " + std::to_string(c.rows) + ", width " +
                           std::to_string(c.width) + ", logits up to " + std::to_string(scale);
  const auto elements = static_cast<std::size_t>(c.rows * c.width);
  const Values x = rounded(random_values(elements, seed, -scale, scale), subject.type),
               dy = rounded(random_values(elements, seed + 1), subject.type);
  Values expected = softmax({c.rows, c.width}, x);
  Arguments apart, in_place;
  apart.in(x, subject.type);
  apart.out(elements, subject.type);
  in_place.in_place(x, subject.type);
  in_place.out_at(0);
  const Softmax shape{c.rows, c.width, subject.type};
  if (apart.run(subject, shape, name)) {
    check_close(apart.values(1, subject.type), expected, name, subject.tolerance());
    in_place.run(subject, shape, name + ", in place");
    check_close(in_place.values(1, subject.type), expected, name + ", in place",
                subject.tolerance());
  }

  if (scale > 10) return;  // certain rows have gradients of rounding errors alone
  expected = rounded(expected, subject.type);
  const Values gradient = softmax_backward({c.rows, c.width}, expected, dy);
  Arguments backward, backward_in_place;
  backward.in(expected, subject.type);
  backward.in(dy, subject.type);
  backward.out(elements, subject.type);
  backward_in_place.in(expected, subject.type);
  backward_in_place.in_place(dy, subject.type);
  backward_in_place.out_at(1);
  const SoftmaxBackward shape_backward{c.rows, c.width, subject.type};
  if (backward.run(subject, shape_backward, name + ", backward")) {
    check_close(backward.values(2, subject.type), gradient, name + ", backward",
                subject.tolerance());
    backward_in_place.run(subject, shape_backward, name + ", backward in place");
    check_close(backward_in_place.values(2, subject.type), gradient, name + ", backward in place",
                subject.tolerance());
  }
}

void check_all(const Subject& subject) {
  for (const Case& c : cases) {
    for (const double scale : {1e-3, 1.0, 5.0, 100.0, 1e4, 1e30}) {
      for (const std::uint64_t seed : {1U, 20U, 300U}) check_case(subject, c, scale, seed);
    }
  }
}

}  // namespace

TEST_CASE("Softmax: portable kernels agree with the reference") {
  check_all(portable());
}
TEST_CASE("Softmax: oneDNN's kernels agree with the reference") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("Softmax: in bf16 it agrees with the reference") {
  check_all(narrow());
}
