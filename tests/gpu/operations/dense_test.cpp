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
    const Values x = random_values(size(rows, in), 1), weight = random_values(size(out, in), 2),
                 bias = random_values(size(1, out), 3);
    for (const bool with_bias : {true, false}) {
      const Values sums = dense({rows, in, out, with_bias}, x, weight, bias);
      for (const Activation activation : all_activations) {
        Arguments arguments;
        arguments.in(x);
        arguments.in(weight);
        if (with_bias) arguments.in(bias);
        arguments.out(size(rows, out));
        const std::string name = label(subject, "dense", rows, in, out) + ", " +
                                 to_string(activation) + (with_bias ? ", bias" : ", no bias");
        if (!arguments.run(subject, Dense{rows, in, out, with_bias, activation}, name)) continue;
        check_close(arguments.get(with_bias ? 3 : 2), activate(activation, sums), name);
      }
    }
  });
}

void check_backward(const Subject& subject) {
  for (const std::uint64_t seed : {10U, 20U, 30U}) {
    for_each_shape([&](std::int64_t rows, std::int64_t in, std::int64_t out) {
      const Values x = random_values(size(rows, in), seed),
                   dy = random_values(size(rows, out), seed + 1),
                   weight = random_values(size(out, in), seed + 2);
      Arguments data;
      data.in(dy);
      data.in(weight);
      data.out(size(rows, in));
      const std::string name = label(subject, "dense backward data", rows, in, out);
      const DenseBackwardData shape{rows, in, out};
      if (data.run(subject, shape, name)) {
        check_close(data.get(2), dense_backward_data(shape, dy, weight), name);
      }
      for (const bool with_bias : {true, false}) {
        Arguments weights;
        weights.in(x);
        weights.in(dy);
        weights.out(size(out, in));
        if (with_bias) weights.out(size(1, out));
        const std::string name_weights = label(subject, "dense backward weights", rows, in, out);
        const DenseBackwardWeights shape_weights{rows, in, out, with_bias};
        if (!weights.run(subject, shape_weights, name_weights)) continue;
        const WeightGradients expected = dense_backward_weights(shape_weights, x, dy);
        check_close(weights.get(2), expected.weight, name_weights);
        if (with_bias) check_close(weights.get(3), expected.bias, name_weights + ", bias");
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
