#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gpu/operation.hpp"
#include "gpu/step_state.hpp"
#include "gpu/tensor.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/activations.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/batch_norm.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/dropout.hpp"
#include "tests/reference/losses.hpp"
#include "tests/reference/structure.hpp"

// What no library computes on a GPU (gpu/cuda/own_nodes.hpp), in bf16. In f32 the tests of each operation judge it.

using namespace troupe::gpu;
using namespace troupe::test::reference;
using troupe::test::cuda::emulated;

namespace {

Values narrow_values(std::size_t count, std::uint64_t seed, double low = -1, double high = 1) {
  return rounded(random_values(count, seed, low, high), DType::bf16);
}

void check_narrow(const Arguments& arguments, std::size_t operand, const Values& wanted,
                  const std::string& label) {
  check_close(arguments.values(operand, DType::bf16), wanted, label, narrow_tolerance);
}

/// Runs it with its bf16 output in a place of its own behind the inputs.
void check_one_output(const Operation& operation, const std::vector<Values>& inputs,
                      const Values& wanted) {
  Arguments arguments;
  for (const Values& input : inputs) arguments.in(input, DType::bf16);
  arguments.out(wanted.size(), DType::bf16);
  REQUIRE(arguments.run(emulated(), operation, name_of(operation)));
  check_narrow(arguments, inputs.size(), wanted, name_of(operation));
}

}  // namespace

TEST_CASE("CUDA, own kernels: activations and sums in bf16 agree with the reference") {
  for (const Activation activation : all_activations) {
    for (const std::size_t elements : {1U, 9U, 1000U}) {
      const auto count = static_cast<std::int64_t>(elements);
      const Values x = narrow_values(elements, 1, -4, 4), dy = narrow_values(elements, 2),
                   z = narrow_values(elements, 3);
      check_one_output(Activate{activation, count, DType::bf16}, {x}, activate(activation, x));
      const Values saved = differentiable_from_output(activation)
                               ? rounded(activate(activation, x), DType::bf16)
                               : x;
      check_one_output(ActivateBackward{activation, count, DType::bf16}, {saved, dy},
                       activate_backward(activation, saved, dy));
      const std::vector<Values> inputs{x, dy, z};
      const Add shape{count, 3, activation, DType::bf16};
      check_one_output(shape, inputs, add(shape, inputs));
    }
  }
}

TEST_CASE("CUDA, own kernels: bf16 comes of every type, rounded to nearest even") {
  for (const std::size_t elements : {1U, 8U, 1001U}) {
    const auto count = static_cast<std::int64_t>(elements);
    const std::vector<float> x = to_floats(random_values(elements, elements, -300, 300));
    std::vector<std::uint8_t> bytes;
    std::vector<std::int64_t> integers;
    std::vector<std::uint16_t> of_floats, of_bytes, of_integers;
    for (const float value : x) {
      bytes.push_back(static_cast<std::uint8_t>(std::abs(value) / 2));
      integers.push_back(static_cast<std::int64_t>(value * 1e6F));
      of_floats.push_back(to_bf16(value * 0.3F + 1.5F));
      of_bytes.push_back(to_bf16(static_cast<float>(bytes.back()) * 0.3F + 1.5F));
      of_integers.push_back(to_bf16(static_cast<float>(integers.back()) * 0.3F + 1.5F));
    }
    const auto check = [&](DType from, const auto& input, const auto& wanted) {
      Arguments arguments;
      arguments.in(input);
      arguments.out(elements, DType::bf16);
      REQUIRE(arguments.run(emulated(), CastScale{from, count, 0.3F, 1.5F, DType::bf16}, "cast"));
      const auto got = arguments.get<std::uint16_t>(1);
      CHECK(std::vector<std::uint16_t>(got.begin(), got.end()) == wanted);
    };
    check(DType::f32, x, of_floats);
    check(DType::u8, bytes, of_bytes);
    check(DType::i64, integers, of_integers);
  }
}

TEST_CASE("CUDA, own kernels: dropout in bf16 drops what it drops in f32") {
  for (const std::int64_t width : {1, 5, 64, 67}) {
    const Dropout shape{17, width, 0.3F, 5, DType::bf16};
    const StepState step{.position = (std::uint64_t{1} << 32) - 2, .seed = 42};
    const Values x = narrow_values(static_cast<std::size_t>(17 * width), 1, 0.5, 2);
    Arguments arguments;
    arguments.in(x, DType::bf16);
    arguments.in(std::vector<StepState>{step});
    arguments.out(x.size(), DType::bf16);
    REQUIRE(arguments.run(emulated(), shape, "dropout"));
    check_narrow(arguments, 2, dropout(shape, step, x), "dropout");
    const std::vector<bool> keeps = dropout_keeps(shape, step);
    const auto y = arguments.get<std::uint16_t>(2);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) wrong += (y[i] != 0) != keeps[i];
    CHECK(wrong == 0);
  }
}

TEST_CASE("CUDA, own kernels: batch norm's inference in bf16 agrees with the reference") {
  for (const std::int64_t channels : {3, 16}) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
      const BatchNormInference shape{33, channels, 1e-3F, activation, DType::bf16};
      const auto size = static_cast<std::size_t>(channels);
      const Values x = narrow_values(33 * size, 1), scale = random_values(size, 2, 0.5, 1.5),
                   shift = random_values(size, 3), mean = random_values(size, 4),
                   variance = random_values(size, 5, 0.1, 2);
      Arguments arguments;
      arguments.in(x, DType::bf16);
      for (const Values& each : {scale, shift, mean, variance}) arguments.in(each);
      arguments.out(x.size(), DType::bf16);
      REQUIRE(arguments.run(emulated(), shape, "inference"));
      check_narrow(arguments, 5, batch_norm_inference(shape, x, scale, shift, mean, variance),
                   "inference");
    }
  }
}

TEST_CASE("CUDA, own kernels: losses of bf16 scores agree with the reference") {
  for (const std::int64_t width : {1, 10, 129, 1500}) {
    constexpr std::int64_t rows = 9;
    constexpr std::uint32_t in_use = 7;
    const auto elements = static_cast<std::size_t>(rows * width);
    const Values x = narrow_values(elements, 1, -5, 5), target = random_values(elements, 2, 0, 1);
    std::vector<std::int32_t> labels;
    for (const double label : random_values(rows, 3, 0, static_cast<double>(width))) {
      labels.push_back(labels.size() == 4 ? -1 : static_cast<std::int32_t>(label));
    }
    const auto check = [&](const Operation& shape, const auto& second, const Loss& wanted) {
      Arguments arguments;
      arguments.in(x, DType::bf16);
      arguments.in(second);
      arguments.in(std::vector<StepState>{{.rows = in_use}});
      arguments.out(elements, DType::bf16);
      arguments.out<double>(1);
      arguments.out<std::int64_t>(1);
      REQUIRE(arguments.run(emulated(), shape, name_of(shape)));
      check_narrow(arguments, 3, wanted.gradient, name_of(shape) + ", gradient");
      check_close(arguments.get<double>(4), Values{wanted.sum}, name_of(shape));
      CHECK(arguments.get<std::int64_t>(5)[0] == wanted.rows);
    };
    const SoftmaxCrossEntropy entropy{rows, width, 0.1F, -1, true, 1, DType::bf16};
    check(entropy, labels, softmax_cross_entropy(entropy, in_use, x, labels));
    const BinaryCrossEntropy binary{rows, width, true, DType::bf16};
    check(binary, target, binary_cross_entropy(binary, in_use, x, target));
    const MeanSquaredError squared{rows, width, true, DType::bf16};
    check(squared, target, mean_squared_error(squared, in_use, x, target));
  }
}
