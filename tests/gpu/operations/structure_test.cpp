#include "tests/reference/structure.hpp"

#include <algorithm>
#include <bit>

#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/activations.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;
using troupe::gpu::Add;
using troupe::gpu::CastScale;
using troupe::gpu::DType;
using troupe::gpu::StridedCopy;
using troupe::gpu::Zero;
using troupe::test::cuda::emulated;

namespace {

std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed) {
  std::vector<std::byte> bytes;
  for (const double value : random_values(count, seed, 0, 256)) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// The bits that the promised order of the sum gives.
std::vector<float> add_in_order(std::span<const Values> inputs, Activation activation) {
  std::vector<float> sums = to_floats(inputs[0]);
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    const std::vector<float> term = to_floats(inputs[k]);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += term[i];
  }
  if (activation == Activation::relu) {
    for (float& sum : sums) sum = sum > 0 ? sum : 0.0F;
  }
  return sums;
}

void check_add(const Subject& subject) {
  for (const std::size_t elements : {1U, 2U, 17U, 64U, 1003U}) {
    for (const std::size_t count : {1U, 2U, 3U, 5U}) {
      std::vector<Values> inputs;
      for (std::size_t k = 0; k < count; ++k) inputs.push_back(random_values(elements, k + 1));
      for (const Activation activation : all_activations) {
        const Add shape{static_cast<std::int64_t>(elements), static_cast<int>(count), activation};
        const std::string name = subject.name + " add of " + std::to_string(count) + ", " +
                                 std::to_string(elements) + " elements, " + to_string(activation);
        Arguments apart, in_place;
        for (const Values& input : inputs) apart.in(input);
        apart.out(elements);
        in_place.in_place(inputs[0]);
        for (const Values& input : std::span{inputs}.subspan(1)) in_place.in(input);
        in_place.out_at(0);
        if (!apart.run(subject, shape, name)) continue;
        in_place.run(subject, shape, name + ", in place");
        for (const auto y : {apart.get(count), in_place.get(count)}) {
          check_close(y, add(shape, inputs), name);
          if (activation != Activation::none && activation != Activation::relu) continue;
          const std::vector<float> bits = add_in_order(inputs, activation);
          CHECK_MESSAGE(std::equal(y.begin(), y.end(), bits.begin()), name << ": another order");
        }
      }
    }
  }
}

void check_copy(const Subject& subject) {
  const std::vector<StridedCopy> shapes = {
      {1, 1, 1, 1},       {3, 4, 4, 4},           {5, 12, 12, 40},        {5, 12, 40, 12},
      {17, 3, 5, 7},      {2, 64, 64, 128},       {4, 132, 256, 132},     {1, 4096, 4096, 4096},
      {9, 1, 64, 65},     {3, 12, 40, 12, 28, 0}, {3, 12, 12, 40, 0, 16}, {1, 64, 64, 64, 128, 4},
      {2, 8, 8, 8, 3, 5},
  };
  for (const StridedCopy& shape : shapes) {
    const auto extent = [&shape](std::int64_t offset, std::int64_t stride) {
      return static_cast<std::size_t>(offset + (shape.rows - 1) * stride + shape.width_bytes);
    };
    const auto from = random_bytes(extent(shape.from_offset_bytes, shape.from_stride_bytes), 1);
    const auto before = random_bytes(extent(shape.to_offset_bytes, shape.to_stride_bytes), 2);
    Arguments arguments;
    arguments.in(from);
    arguments.out_over(before);
    const std::string name = subject.name + " strided copy of " + std::to_string(shape.rows) +
                             " x " + std::to_string(shape.width_bytes) + " bytes";
    if (!arguments.run(subject, shape, name)) continue;
    CHECK_MESSAGE(equal(arguments.get<std::byte>(1), strided_copy(shape, from, before)), name);
  }
}

void check_zero(const Subject& subject) {
  for (const std::int64_t bytes : {1, 3, 64, 65, 4099}) {
    Arguments arguments;
    arguments.out<std::byte>(static_cast<std::size_t>(bytes));
    const std::string name = subject.name + " zero of " + std::to_string(bytes) + " bytes";
    if (!arguments.run(subject, Zero{bytes}, name)) continue;
    CHECK_MESSAGE(
        equal(arguments.get<std::byte>(0), std::vector<std::byte>(static_cast<std::size_t>(bytes))),
        name);
  }
}

template <class T, class Value>
void check_cast(const Subject& subject, DType from, double low, double high, Value value_of) {
  for (const std::size_t elements : {1U, 3U, 16U, 33U, 1001U}) {
    for (const auto& [scale, offset] :
         {std::pair{1.0F, 0.0F}, {1.0F / 255, -0.5F}, {-3.0F, 7.0F}}) {
      std::vector<T> input;
      Values values;
      for (const double value : random_values(elements, elements, low, high)) {
        input.push_back(from == DType::bf16
                            ? static_cast<T>(troupe::gpu::to_bf16(static_cast<float>(value)))
                            : static_cast<T>(value));
        values.push_back(value_of(input.back()));
      }
      const CastScale shape{from, static_cast<std::int64_t>(elements), scale, offset};
      const std::string name = subject.name + " cast from " + std::string{to_string(from)};
      Arguments arguments;
      arguments.in(input);
      arguments.out(elements);
      if (arguments.run(subject, shape, name)) {
        check_close(arguments.get(1), cast_scale(shape, values), name);
      }
    }
  }
}

void check_casts(const Subject& subject) {
  const auto as_is = [](auto value) { return static_cast<double>(value); };
  check_cast<std::uint8_t>(subject, DType::u8, 0, 256, as_is);
  check_cast<std::int32_t>(subject, DType::i32, -2e9, 2e9, as_is);
  check_cast<std::int64_t>(subject, DType::i64, -9e18, 9e18, as_is);
  check_cast<float>(subject, DType::f32, -10, 10, as_is);
  // bf16 is the upper half of an f32.
  check_cast<std::uint16_t>(subject, DType::bf16, -10, 10, [](std::uint16_t bits) {
    return static_cast<double>(std::bit_cast<float>(std::uint32_t{bits} << 16));
  });
}

void check_all(const Subject& subject) {
  check_add(subject);
  check_copy(subject);
  check_zero(subject);
  check_casts(subject);
}

}  // namespace

TEST_CASE("Add: portable kernels sum in the promised order") {
  check_add(portable());
}
TEST_CASE("StridedCopy: portable kernels move runs and leave the rest") {
  check_copy(portable());
}
TEST_CASE("Zero: portable kernels clear every byte") {
  check_zero(portable());
}
TEST_CASE("CastScale: portable kernels agree with the reference") {
  check_casts(portable());
}
TEST_CASE("Add, StridedCopy, Zero, CastScale: oneDNN's kernels, if any, agree with the reference") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("Add, StridedCopy, Zero, CastScale: CUDA kernels, emulated, agree with the reference") {
  check_all(emulated());
}
