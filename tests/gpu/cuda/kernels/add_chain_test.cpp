#include "gpu/cuda/kernels/add_chain.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "gpu/reference/add_chain.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::gpu;
using troupe::test::reference::random_values;

namespace {

/// `offset` elements behind a multiple of 64 bytes.
template <class T>
void check_bits(DType type, std::size_t terms, std::size_t elements, std::size_t offset) {
  std::vector<std::shared_ptr<Storage>> memory;
  std::vector<const std::byte*> pointers;
  for (std::size_t term = 0; term < terms; ++term) {
    memory.push_back(allocate_host((elements + offset) * sizeof(T)));
    std::byte* const at = memory.back()->data() + offset * sizeof(T);
    std::size_t i = 0;
    for (const double value : random_values(elements, term + 1, -1e18, 1e18)) {
      // Of very different sizes, so that another order gives other bits.
      const T element = static_cast<T>(term % 3 == 0 ? value : value * 1e-6);
      std::memcpy(at + i++ * sizeof(T), &element, sizeof element);
    }
    pointers.push_back(at);
  }
  std::vector<T> wanted(elements), got(elements);
  reference::add_chain(type, pointers, reinterpret_cast<std::byte*>(wanted.data()), elements);
  const troupe::FloatEnvironment environment;
  cuda::add_chain(nullptr, type, pointers, reinterpret_cast<std::byte*>(got.data()), elements);
  CHECK(std::memcmp(got.data(), wanted.data(), elements * sizeof(T)) == 0);
  // Onto a term.
  std::byte* const last = memory.back()->data() + offset * sizeof(T);
  cuda::add_chain(nullptr, type, pointers, last, elements);
  CHECK(std::memcmp(last, wanted.data(), elements * sizeof(T)) == 0);
}

}  // namespace

TEST_CASE("CUDA add_chain: gives the CPU's bits for every type and number of terms (JOB-5)") {
  for (const std::size_t terms : {1U, 2U, 3U, 5U, 32U}) {
    for (const std::size_t elements : {1U, 7U, 8U, 33U, 3001U}) {
      for (const std::size_t offset : {0U, 1U}) {
        check_bits<float>(DType::f32, terms, elements, offset);
        check_bits<double>(DType::f64, terms, elements, offset);
        check_bits<std::int64_t>(DType::i64, terms, elements, offset);
      }
    }
  }
}

TEST_CASE("CUDA add_chain: refuses other types and too many terms") {
  std::vector<float> term(4);
  const std::vector<const std::byte*> terms(cuda::most_chain_terms + 1,
                                            reinterpret_cast<const std::byte*>(term.data()));
  std::byte* const to = reinterpret_cast<std::byte*>(term.data());
  CHECK_THROWS_AS(cuda::add_chain(nullptr, DType::f32, terms, to, 4), troupe::Error);
  CHECK_THROWS_AS(cuda::add_chain(nullptr, DType::f32, {}, to, 4), troupe::Error);
  CHECK_THROWS_AS(cuda::add_chain(nullptr, DType::bf16, std::span{terms}.first(2), to, 4),
                  troupe::Error);
}
