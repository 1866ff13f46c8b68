#include "tests/reference/dense.hpp"

#include "gpu/operation.hpp"
#include "tests/reference/activations.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;
using troupe::gpu::Dense;
using troupe::gpu::DenseBackwardData;
using troupe::gpu::DenseBackwardWeights;

namespace {

template <class Visit>
void for_each_shape(Visit visit) {
  for (const std::int64_t rows : {1, 3, 17, 32, 64})
    for (const std::int64_t in : {1, 5, 129, 784})
      for (const std::int64_t out : {1, 10, 33, 128}) visit(rows, in, out);
}

std::size_t size(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * columns);
}

std::string label(const Subject& subject, const char* what, std::int64_t rows, std::int64_t in,
                  std::int64_t out) {
  return subject.name + " " + what + ", rows " + std::to_string(rows) + ", " + std::to_string(in) +
         " -> " + std::to_string(out);
}

void check_forward(const Subject& subject) {
  for_each_shape([&](std::int64_t rows, std::int64_t in, std::int64_t out) {
    const Values x = rounded(random_values(size(rows, in), 1), subject.type),
                 weight = rounded(random_values(size(out, in), 2), subject.type),
                 bias = random_values(size(1, out), 3);
    for (const bool with_bias : {true, false}) {
      const Values sums = dense({rows, in, out, with_bias}, x, weight, bias);
      for (const Activation activation : all_activations) {
        Arguments arguments;
        arguments.in(x, subject.type);
        arguments.in(weight, subject.type);
        if (with_bias) arguments.in(bias);
        arguments.out(size(rows, out), subject.type);
        const std::string name = label(subject, "dense", rows, in, out) + ", " +
                                 to_string(activation) + (with_bias ? ", bias" : ", no bias");
        const Dense shape{rows, in, out, with_bias, activation, subject.type};
        if (!arguments.run(subject, shape, name)) continue;
        check_close(arguments.values(with_bias ? 3 : 2, subject.type), activate(activation, sums),
                    name, subject.tolerance());
      }
    }
  });
}

void check_backward(const Subject& subject) {
  for (const std::uint64_t seed : {10U, 20U, 30U}) {
    for_each_shape([&](std::int64_t rows, std::int64_t in, std::int64_t out) {
      const Values x = rounded(random_values(size(rows, in), seed), subject.type),
                   dy = rounded(random_values(size(rows, out), seed + 1), subject.type),
                   weight = rounded(random_values(size(out, in), seed + 2), subject.type);
      Arguments data;
      data.in(dy, subject.type);
      data.in(weight, subject.type);
      data.out(size(rows, in), subject.type);
      const std::string name = label(subject, "dense backward data", rows, in, out);
      const DenseBackwardData shape{rows, in, out, subject.type};
      if (data.run(subject, shape, name)) {
        check_close(data.values(2, subject.type), dense_backward_data(shape, dy, weight), name,
                    subject.tolerance());
      }
      for (const bool with_bias : {true, false}) {
        Arguments weights;
        weights.in(x, subject.type);
        weights.in(dy, subject.type);
        weights.out(size(out, in), subject.type);
        if (with_bias) weights.out(size(1, out));
        const std::string name_weights = label(subject, "dense backward weights", rows, in, out);
        const DenseBackwardWeights shape_weights{rows, in, out, with_bias, subject.type};
        if (!weights.run(subject, shape_weights, name_weights)) continue;
        const WeightGradients expected = dense_backward_weights(shape_weights, x, dy);
        check_close(weights.values(2, subject.type), expected.weight, name_weights,
                    subject.tolerance());
        if (with_bias)
          check_close(weights.get(3), expected.bias, name_weights + ", bias", subject.tolerance());
      }
    });
  }
}

}  // namespace

TEST_CASE("Dense: portable forward agrees with the reference") {
  check_forward(portable());
}
TEST_CASE("Dense: portable backward agrees with the reference") {
  check_backward(portable());
}
TEST_CASE("Dense: oneDNN's forward agrees with the reference") {
  if (const auto onednn = find_onednn()) check_forward(*onednn);
}
TEST_CASE("Dense: oneDNN's backward agrees with the reference") {
  if (const auto onednn = find_onednn()) check_backward(*onednn);
}
TEST_CASE("Dense: in bf16 it agrees with the reference") {
  check_forward(narrow());
  check_backward(narrow());
}
