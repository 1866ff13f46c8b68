#include "tests/reference/activations.hpp"

#include "gpu/operation.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activate;
using troupe::gpu::ActivateBackward;
using troupe::gpu::Activation;
using troupe::test::cuda::emulated;

namespace {

// `saved` for a backward kernel: what it is told to differentiate from.
Values saved_for(Activation activation, const Values& x) {
  Values saved = differentiable_from_output(activation) ? activate(activation, x) : x;
  for (double& value : saved) value = static_cast<double>(static_cast<float>(value));
  return saved;
}

void check_values(const Subject& subject, Activation activation, const Values& x,
                  const std::string& what) {
  const std::string name = subject.name + " " + to_string(activation) + ", " + what;
  const auto elements = static_cast<std::int64_t>(x.size());
  const Values expected = activate(activation, x);
  Arguments apart, in_place;
  apart.in(x);
  apart.out(x.size());
  in_place.in_place(x);
  in_place.out_at(0);
  if (apart.run(subject, Activate{activation, elements}, name)) {
    check_close(apart.get(1), expected, name);
    in_place.run(subject, Activate{activation, elements}, name + ", in place");
    check_close(in_place.get(1), expected, name + ", in place");
  }

  const Values saved = saved_for(activation, x), dy = random_values(x.size(), 77);
  const Values gradient = activate_backward(activation, saved, dy);
  Arguments backward, backward_in_place;
  backward.in(saved);
  backward.in(dy);
  backward.out(x.size());
  backward_in_place.in(saved);
  backward_in_place.in_place(dy);
  backward_in_place.out_at(1);
  if (backward.run(subject, ActivateBackward{activation, elements}, name + ", backward")) {
    check_close(backward.get(2), gradient, name + ", backward");
    backward_in_place.run(subject, ActivateBackward{activation, elements}, name);
    check_close(backward_in_place.get(2), gradient, name + ", backward in place");
  }
}

void check_all(const Subject& subject) {
  for (const Activation activation : all_activations) {
    for (const std::size_t elements : {1U, 2U, 15U, 16U, 17U, 33U, 1000U, 4097U}) {
      for (const std::uint64_t seed : {1U, 2U, 3U}) {
        check_values(subject, activation, random_values(elements, seed, -4, 4),
                     std::to_string(elements) + " elements");
      }
    }
  }
}

// Each scale by itself, so that the large do not hide the small.
void check_scales(const Subject& subject) {
  for (const Activation activation : all_activations) {
    for (const double scale : {1e-6, 1e-3, 0.1, 20.0, 80.0, 1e3, 1e30}) {
      check_values(subject, activation, random_values(100, 4, 0, scale),
                   "up to " + std::to_string(scale));
      check_values(subject, activation, random_values(100, 5, -scale, scale),
                   "up to ±" + std::to_string(scale));
    }
  }
}

}  // namespace

TEST_CASE("Activate: portable kernels agree with the reference") {
  check_all(portable());
}
TEST_CASE("Activate: portable kernels are good from tiny to huge") {
  check_scales(portable());
}
TEST_CASE("Activate: oneDNN's kernels agree with the reference") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("Activate: oneDNN's kernels are good from tiny to huge") {
  if (const auto onednn = find_onednn()) check_scales(*onednn);
}
TEST_CASE("Activate: CUDA kernels, emulated, agree with the reference") {
  check_all(emulated());
}
TEST_CASE("Activate: CUDA kernels, emulated, are good from tiny to huge") {
  check_scales(emulated());
}
