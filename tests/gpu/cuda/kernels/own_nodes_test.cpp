#include "gpu/cuda/own_nodes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/error.hpp"
#include "tests/reference/values.hpp"

// What they compute is judged by tests/gpu/operations.

using namespace troupe::gpu;
using namespace troupe::test::reference;
using troupe::gpu::cuda::make_own_node;

TEST_CASE("CUDA nodes: addresses that no packet may start at give the same bits") {
  constexpr std::size_t elements = 100;
  const auto run = [](std::size_t offset, DType type) {
    std::vector<std::shared_ptr<Storage>> memory;
    std::vector<void*> operands;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      memory.push_back(allocate_host((elements + offset) * size_bytes(type)));
      operands.push_back(memory.back()->data() + offset * size_bytes(type));
      const std::vector<float> values = to_floats(random_values(elements, seed));
      for (std::size_t i = 0; i < elements; ++i) {
        if (type == DType::f32) {
          static_cast<float*>(operands.back())[i] = values[i];
        } else {
          static_cast<std::uint16_t*>(operands.back())[i] = to_bf16(values[i]);
        }
      }
    }
    make_own_node(Add{elements, 2, Activation::gelu, type})->enqueue(nullptr, operands.data(), {});
    const auto* const y = static_cast<const std::byte*>(operands[2]);
    return std::vector<std::byte>(y, y + elements * size_bytes(type));
  };
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const std::size_t offset : {1U, 3U, 4U}) CHECK(run(offset, type) == run(0, type));
  }
}

TEST_CASE("CUDA nodes: are not made for what libraries do, and not for what nobody can") {
  CHECK(make_own_node(Dense{1, 1, 1}) == nullptr);
  CHECK(make_own_node(BatchNorm{2, 1, 1e-5F}) == nullptr);
  CHECK(make_own_node(LayerNorm{1, 1, 1e-5F}) == nullptr);
  CHECK(make_own_node(Softmax{1, 1}) == nullptr);
  CHECK(make_own_node(Signal{0}) == nullptr);
  CHECK_THROWS_AS(make_own_node(Activate{Activation::relu, 1, DType::i32}), troupe::Error);
  CHECK_THROWS_AS(make_own_node(Activate{Activation::relu, -1}), troupe::Error);
  CHECK_THROWS_AS(make_own_node(Add{1, 33}), troupe::Error);
  CHECK_THROWS_AS(make_own_node(CastScale{DType::f64, 1}), troupe::Error);
  CHECK_THROWS_AS(make_own_node(CastScale{DType::f32, 1, 1.0F, 0.0F, DType::u8}), troupe::Error);
  CHECK_THROWS_AS(make_own_node(Dropout{1, 1, 1.0F, 0}), troupe::Error);
}
