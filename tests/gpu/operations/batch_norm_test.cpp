#include "tests/reference/batch_norm.hpp"

#include "gpu/operation.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;
using troupe::gpu::BatchNorm;
using troupe::gpu::BatchNormBackward;
using troupe::gpu::BatchNormInference;
using troupe::test::cuda::emulated;

namespace {

struct Case {
  std::int64_t count, channels;
  // Two values normalise to about ±1 whatever they are: what is left of their gradient is epsilon's share, so with
  // a small one the problem itself, and not a kernel, loses all digits of f32.
  float epsilon = 1e-5F;
  double mean = 0.25;
};
const std::vector<Case> cases = {
    {2, 1, 0.5F},
    {2, 16, 0.5F},
    {2, 65, 0.5F},
    {3, 3, 0.1F},
    {5, 65},
    {7, 1},
    {16, 16},
    {33, 3},
    {64, 65},
    {150, 33},
    {1000, 16},
    {2047, 1},
    {1000, 3, 1e-3F, 30.0},  // a mean that swallows the deviation in one-pass sums of squares
};

struct Inputs {
  Values x, dy, scale, shift;
};

Inputs make_inputs(const Subject& subject, const Case& shape, Activation activation,
                   std::uint64_t seed) {
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t elements = static_cast<std::size_t>(shape.count) * channels;
  Inputs inputs{
      rounded(random_values(elements, seed, shape.mean - 1, shape.mean + 1), subject.type),
      random_values(elements, seed + 1), random_values(channels, seed + 2, 0.5, 1.5),
      random_values(channels, seed + 3, -0.5, 0.5)};
  // Neither Σ dy nor Σ dy·x̂ cancels to nothing: a sum near zero of thousands of terms has no good answer in f32, and
  // a single channel has no rms but its own.
  for (std::size_t i = 0; i < elements; ++i) {
    const double slanted = inputs.dy[i] + 0.5 + 0.5 * (inputs.x[i] - shape.mean);
    inputs.dy[i] = slanted;
  }
  inputs.dy = rounded(inputs.dy, subject.type);
  // Where relu's kink is as near as f32 rounds, either slope is right; such elements get no gradient.
  const BatchNormResult forward =
      batch_norm({shape.count, shape.channels, shape.epsilon, activation}, inputs.x, inputs.scale,
                 inputs.shift);
  for (std::size_t i = 0; i < elements; ++i) {
    if (std::abs(forward.before_relu[i]) < 1e-4) inputs.dy[i] = 0;
  }
  return inputs;
}

void check_training(const Subject& subject, const Case& c, Activation activation,
                    std::uint64_t seed) {
  const std::string name = subject.name + " batch norm, count " + std::to_string(c.count) +
                           ", channels " + std::to_string(c.channels) + ", " +
                           to_string(activation) + ", seed " + std::to_string(seed);
  const auto [x, dy, scale, shift] = make_inputs(subject, c, activation, seed);
  const auto channels = static_cast<std::size_t>(c.channels);
  const BatchNorm shape{c.count, c.channels, c.epsilon, activation, subject.type};
  if (!subject.has(shape)) return;

  const BatchNormResult expected = batch_norm(shape, x, scale, shift);
  Arguments forward;
  forward.in(x, subject.type);
  forward.in(scale);
  forward.in(shift);
  forward.out(x.size(), subject.type);
  forward.out(channels);
  forward.out(channels);
  forward.scratch(subject.kernels.workspace_bytes(shape));
  forward.out<double>(1 + 2 * channels);
  forward.run(subject, shape, name);
  check_close(forward.values(3, subject.type), expected.y, name + ", y", subject.tolerance());
  check_close(forward.get(4), expected.mean, name + ", mean");
  check_close(forward.get(5), expected.variance, name + ", variance");
  const auto moments = forward.get<double>(7);
  const std::span<const double> wanted{expected.moments};
  CHECK(moments[0] == static_cast<double>(c.count));
  check_close(moments.subspan(1, channels), wanted.subspan(1, channels), name + ", mean moments");
  check_close(moments.subspan(1 + channels), wanted.subspan(1 + channels), name + ", squares");

  const BatchNormBackward shape_backward{c.count, c.channels, c.epsilon, activation, subject.type};
  const NormGradients gradients = batch_norm_backward(shape_backward, x, dy, scale, shift);
  Arguments backward;
  backward.in(x, subject.type);
  backward.in(dy, subject.type);
  backward.in(scale);
  backward.in(forward.get(4));
  backward.in(forward.get(5));
  backward.in(forward.get<std::byte>(6));
  backward.out(x.size(), subject.type);
  backward.out(channels);
  backward.out(channels);
  REQUIRE(backward.run(subject, shape_backward, name + ", backward"));
  check_close(backward.values(6, subject.type), gradients.x, name + ", dx", subject.tolerance());
  check_close(backward.get(7), gradients.scale, name + ", dscale", subject.tolerance());
  check_close(backward.get(8), gradients.shift, name + ", dshift", subject.tolerance());
}

void check_training(const Subject& subject) {
  for (const Case& c : cases) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
      for (const std::uint64_t seed : {1U, 20U, 300U}) check_training(subject, c, activation, seed);
    }
  }
}

void check_inference(const Subject& subject) {
  for (const Case& c : cases) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
      const auto [x, dy, scale, shift] = make_inputs(subject, c, activation, 5);
      const auto channels = static_cast<std::size_t>(c.channels);
      const Values mean = random_values(channels, 6), variance = random_values(channels, 7, 0.1, 2);
      Arguments arguments;
      arguments.in(x, subject.type);
      arguments.in(scale);
      arguments.in(shift);
      arguments.in(mean);
      arguments.in(variance);
      arguments.out(x.size(), subject.type);
      const BatchNormInference shape{c.count, c.channels, c.epsilon, activation, subject.type};
      const std::string name = subject.name + " batch norm inference, count " +
                               std::to_string(c.count) + ", channels " + std::to_string(c.channels);
      if (!arguments.run(subject, shape, name)) continue;
      check_close(arguments.values(5, subject.type),
                  batch_norm_inference(shape, x, scale, shift, mean, variance), name,
                  subject.tolerance());
    }
  }
}

}  // namespace

TEST_CASE("BatchNorm: portable training agrees with the reference") {
  check_training(portable());
}
TEST_CASE("BatchNorm: portable inference agrees with the reference") {
  check_inference(portable());
}
TEST_CASE("BatchNorm: oneDNN's training agrees with the reference") {
  if (const auto onednn = find_onednn()) check_training(*onednn);
}
TEST_CASE("BatchNorm: oneDNN's inference agrees with the reference") {
  if (const auto onednn = find_onednn()) check_inference(*onednn);
}
TEST_CASE("BatchNorm: CUDA's inference, emulated, agrees with the reference") {
  check_inference(emulated());
}
TEST_CASE("BatchNorm: in bf16 it agrees with the reference") {
  check_training(narrow());
  check_inference(narrow());
}
