#include "tests/reference/pooling.hpp"

#include "gpu/operation.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/convolution.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::ConvolutionGeometry;
using troupe::gpu::Pool;
using troupe::gpu::PoolBackward;
using troupe::gpu::PoolKind;

namespace {

ConvolutionGeometry window(std::int64_t rows, std::int64_t height, std::int64_t width,
                           std::int64_t channels, std::int64_t kernel_height,
                           std::int64_t kernel_width, std::int64_t stride,
                           std::int64_t pad_before = 0, std::int64_t pad_after = 0) {
  return with_output({.rows = rows,
                      .in_height = height,
                      .in_width = width,
                      .in_channels = channels,
                      .out_height = 0,
                      .out_width = 0,
                      .out_channels = channels,
                      .kernel_height = kernel_height,
                      .kernel_width = kernel_width,
                      .stride_height = stride,
                      .stride_width = stride,
                      .pad_top = pad_before,
                      .pad_bottom = pad_after,
                      .pad_left = pad_before,
                      .pad_right = pad_after});
}

const std::vector<ConvolutionGeometry> geometries = {
    window(1, 2, 2, 1, 2, 2, 2),         window(2, 7, 6, 3, 2, 2, 1),
    window(3, 9, 8, 16, 2, 2, 2),        window(2, 6, 7, 33, 2, 2, 2, 1, 1),
    window(2, 7, 7, 3, 3, 3, 1, 1, 1),   window(1, 8, 9, 16, 3, 3, 2, 1, 1),
    window(2, 10, 7, 33, 3, 3, 2, 0, 1), window(1, 5, 5, 1, 3, 3, 2, 1, 0),
    window(3, 7, 5, 17, 7, 5, 1),  // global
    window(2, 1, 1, 65, 1, 1, 1),        window(1, 1, 20, 3, 1, 3, 1),
    window(2, 1, 1, 5, 3, 3, 1, 1, 1),
};

std::string label(const Subject& subject, PoolKind kind, const ConvolutionGeometry& geometry) {
  return subject.name + (kind == PoolKind::max ? " max pool " : " average pool ") +
         describe(geometry);
}

// Forward, in training and for inference, and then backward with what training left in the workspace.
void check_pooling(const Subject& subject, PoolKind kind, const ConvolutionGeometry& geometry,
                   const Values& x, const Values& dy) {
  const std::string name = label(subject, kind, geometry);
  const Values expected = pool({kind, geometry}, x);
  Arguments inference;
  inference.in(x, subject.type);
  inference.out(expected.size(), subject.type);
  if (inference.run(subject, Pool{kind, geometry, false, subject.type}, name + ", inference")) {
    check_close(inference.values(1, subject.type), expected, name + ", inference",
                subject.tolerance());
  }

  const Pool shape{kind, geometry, true, subject.type};
  Arguments training;
  training.in(x, subject.type);
  training.out(expected.size(), subject.type);
  if (!subject.has(shape)) return;
  if (kind == PoolKind::max) training.scratch(subject.kernels.workspace_bytes(shape));
  training.run(subject, shape, name);
  check_close(training.values(1, subject.type), expected, name, subject.tolerance());

  Arguments backward;
  backward.in(dy, subject.type);
  if (kind == PoolKind::max) backward.in(training.get<std::byte>(2));
  backward.out(x.size(), subject.type);
  REQUIRE(backward.run(subject, PoolBackward{kind, geometry, subject.type}, name + ", backward"));
  check_close(backward.values(kind == PoolKind::max ? 2 : 1, subject.type),
              pool_backward({kind, geometry}, x, dy), name + ", backward", subject.tolerance());
}

void check_all(const Subject& subject) {
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    for (const ConvolutionGeometry& geometry : geometries) {
      for (const std::uint64_t seed : {1U, 2U, 3U}) {
        // All below zero, so that padding taken for a zero would win.
        check_pooling(
            subject, kind, geometry,
            rounded(random_values(input_elements(geometry), seed, -2.0, -0.5), subject.type),
            rounded(random_values(output_elements(geometry), seed + 10), subject.type));
      }
    }
  }
}

// Windows full of zeros are what comes after a relu.
void check_ties(const Subject& subject) {
  const ConvolutionGeometry geometry = window(2, 6, 6, 17, 2, 2, 2);
  const Values zeros(input_elements(geometry));
  check_pooling(subject, PoolKind::max, geometry, zeros,
                rounded(random_values(output_elements(geometry), 1), subject.type));
}

}  // namespace

TEST_CASE("Pool: portable kernels agree with the reference") {
  check_all(portable());
}
TEST_CASE("Pool: portable kernels give the first of equal maxima the gradient") {
  check_ties(portable());
}
TEST_CASE("Pool: oneDNN's kernels agree with the reference") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("Pool: oneDNN's kernels give the first of equal maxima the gradient") {
  if (const auto onednn = find_onednn()) check_ties(*onednn);
}
TEST_CASE("Pool: in bf16 it agrees with the reference") {
  check_all(narrow());
  check_ties(narrow());
}
