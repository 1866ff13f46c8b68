#include "tests/reference/losses.hpp"

#include <cmath>
#include <limits>

#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::BinaryCrossEntropy;
using troupe::gpu::MeanSquaredError;
using troupe::gpu::SoftmaxCrossEntropy;
using troupe::gpu::StepState;
using troupe::test::cuda::emulated;

namespace {

struct Size {
  std::int64_t rows, width;
  std::uint32_t in_use;
};
const std::vector<Size> sizes = {{1, 1, 1},    {1, 10, 1},  {3, 2, 3},   {17, 10, 17},
                                 {32, 10, 20}, {4, 33, 1},  {5, 17, 0},  {2, 1000, 2},
                                 {64, 16, 63}, {7, 129, 5}, {3, 1500, 2}};

std::string label(const Subject& subject, const char* what, const Size& size) {
  return subject.name + " " + what + ", rows " + std::to_string(size.in_use) + " of " +
         std::to_string(size.rows) + ", width " + std::to_string(size.width);
}

// Rows past those in use hold what no kernel may let through.
Values with_padding(Values values, const Size& size) {
  for (std::size_t i = size.in_use * static_cast<std::size_t>(size.width); i < values.size(); ++i) {
    values[i] = std::numeric_limits<double>::quiet_NaN();
  }
  return values;
}

// Runs a loss of operands (scores, `target`, StepState), with and without its gradient.
template <class Shape, class Target>
void check_loss(const Subject& subject, Shape shape, const Size& size, const Values& scores,
                const Target& target, const Loss& expected, const std::string& name) {
  for (const bool with_gradient : {true, false}) {
    shape.gradient = with_gradient;
    Arguments arguments;
    arguments.in(scores);
    arguments.in(target);
    arguments.in(std::vector<StepState>{{.rows = size.in_use}});
    if (with_gradient) arguments.out(scores.size());
    arguments.template out<double>(1);
    arguments.template out<std::int64_t>(1);
    if (!arguments.run(subject, shape, name)) return;
    const std::size_t loss = with_gradient ? 4 : 3;
    check_close(arguments.template get<double>(loss), Values{expected.sum}, name + ", loss");
    CHECK_MESSAGE(arguments.template get<std::int64_t>(loss + 1)[0] == expected.rows, name);
    if (with_gradient) check_close(arguments.get(3), expected.gradient, name + ", gradient");
  }
}

std::vector<std::int32_t> random_labels(const Size& size, std::int32_t ignore, std::uint64_t seed) {
  std::vector<std::int32_t> labels;
  for (const double value : random_values(static_cast<std::size_t>(size.rows), seed, 0,
                                          static_cast<double>(size.width))) {
    // Every fifth row is ignored; those past the rows in use may hold anything.
    const bool ignored = labels.size() % 5 == 4;
    labels.push_back(labels.size() >= size.in_use ? 1 << 30
                     : ignored                    ? ignore
                                                  : static_cast<std::int32_t>(value));
  }
  return labels;
}

void check_cross_entropy(const Subject& subject) {
  for (const Size& size : sizes) {
    for (const float smoothing : {0.0F, 0.1F, 0.5F}) {
      for (const std::int32_t ignore : {-1, -100}) {
        for (const double scale : {1.0, 10.0, 1e4}) {
          for (const std::uint64_t seed : {1U, 20U, 300U}) {
            const SoftmaxCrossEntropy shape{size.rows, size.width, smoothing, ignore};
            const Values logits =
                with_padding(random_values(static_cast<std::size_t>(size.rows * size.width), seed,
                                           -scale, scale),
                             size);
            const auto labels = random_labels(size, ignore, seed + 1);
            check_loss(subject, shape, size, logits, labels,
                       softmax_cross_entropy(shape, size.in_use, logits, labels),
                       label(subject, "softmax cross-entropy", size) + ", smoothing " +
                           std::to_string(smoothing) + ", logits up to " + std::to_string(scale));
          }
        }
      }
    }
  }
}

/// Of a sequence, StepState::rows counts samples.
void check_sequences(const Subject& subject) {
  const Size rows{21, 10, 12};  // 7 samples of 3, of which 4 count
  SoftmaxCrossEntropy shape{rows.rows, rows.width};
  shape.rows_per_sample = 3;
  const Values logits = with_padding(random_values(210, 1), rows);
  const auto labels = random_labels(rows, -1, 2);
  Arguments arguments;
  arguments.in(logits);
  arguments.in(labels);
  arguments.in(std::vector<StepState>{{.rows = 4}});
  arguments.out(logits.size());
  arguments.out<double>(1);
  arguments.out<std::int64_t>(1);
  if (!arguments.run(subject, shape, "a sequence")) return;
  const Loss expected = softmax_cross_entropy(shape, rows.in_use, logits, labels);
  check_close(arguments.get<double>(4), Values{expected.sum}, "a sequence, loss");
  CHECK(arguments.get<std::int64_t>(5)[0] == expected.rows);
  check_close(arguments.get(3), expected.gradient, "a sequence, gradient");
}

void check_bad_labels(const Subject& subject) {
  for (const std::int32_t bad : {10, 11, -2, std::numeric_limits<std::int32_t>::max(),
                                 std::numeric_limits<std::int32_t>::min()}) {
    Arguments arguments;
    const Values logits = random_values(30, 1);
    arguments.in(logits);
    arguments.in(std::vector<std::int32_t>{3, bad, -1});
    arguments.in(std::vector<StepState>{{.rows = 3}});
    arguments.out(logits.size());
    arguments.out<double>(1);
    arguments.out<std::int64_t>(1);
    const SoftmaxCrossEntropy shape{3, 10};
    if (!arguments.run(subject, shape, "a bad label")) return;
    CHECK(std::isnan(arguments.get<double>(4)[0]));
    CHECK(arguments.get<std::int64_t>(5)[0] == 2);
    // The other rows are as they would be without it.
    const Values expected = softmax_cross_entropy(shape, 3, logits, {3, -1, -1}).gradient;
    const std::span<const double> wanted{expected};
    check_close(arguments.get(3).first(10), wanted.first(10), "the row before a bad label");
    check_close(arguments.get(3).last(10), wanted.last(10), "the row after a bad label");
  }
}

void check_elementwise(const Subject& subject) {
  for (const Size& size : sizes) {
    for (const double scale : {1e-3, 1.0, 10.0, 200.0}) {
      for (const std::uint64_t seed : {1U, 20U, 300U}) {
        const auto elements = static_cast<std::size_t>(size.rows * size.width);
        const Values x = with_padding(random_values(elements, seed, -scale, scale), size),
                     target = with_padding(random_values(elements, seed + 1, 0, 1), size);
        const BinaryCrossEntropy binary{size.rows, size.width};
        check_loss(subject, binary, size, x, target,
                   binary_cross_entropy(binary, size.in_use, x, target),
                   label(subject, "binary cross-entropy", size) + ", scores up to " +
                       std::to_string(scale));
        const MeanSquaredError squared{size.rows, size.width};
        check_loss(subject, squared, size, x, target,
                   mean_squared_error(squared, size.in_use, x, target),
                   label(subject, "mean squared error", size));
      }
    }
  }
}

}  // namespace

TEST_CASE("SoftmaxCrossEntropy: portable kernels agree with the reference") {
  check_cross_entropy(portable());
}
TEST_CASE("SoftmaxCrossEntropy: a label that is no class gives NaN and harms no other row") {
  check_bad_labels(portable());
  check_sequences(portable());
}
TEST_CASE("BinaryCrossEntropy, MeanSquaredError: portable kernels agree with the reference") {
  check_elementwise(portable());
}
TEST_CASE("Losses: oneDNN's kernels, if there are any, agree with the reference") {
  const auto onednn = find_onednn();
  if (!onednn) return;
  check_cross_entropy(*onednn);
  check_bad_labels(*onednn);
  check_sequences(*onednn);
  check_elementwise(*onednn);
}
TEST_CASE("SoftmaxCrossEntropy: CUDA kernels, emulated, agree with the reference") {
  check_cross_entropy(emulated());
}
TEST_CASE("SoftmaxCrossEntropy: in CUDA, emulated, a bad label gives NaN and harms no other row") {
  check_bad_labels(emulated());
  check_sequences(emulated());
}
TEST_CASE(
    "BinaryCrossEntropy, MeanSquaredError: CUDA kernels, emulated, agree with the reference") {
  check_elementwise(emulated());
}
