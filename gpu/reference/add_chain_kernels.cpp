#include "gpu/reference/add_chain_kernels.hpp"

#include <cstdint>
#include <cstring>

#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

/// Four cache lines a term at a time: long enough to hide the loop over terms, short enough for registers.
constexpr std::size_t run_bytes = 256;

template <class T>
void add_chain(const std::byte* const* terms, std::size_t count, std::byte* to,
               std::size_t elements) {
  typedef T Vector __attribute__((vector_size(64)));
  constexpr std::size_t vectors = run_bytes / sizeof(Vector);
  const std::size_t bytes = elements * sizeof(T);
  std::size_t at = 0;
  for (; at + run_bytes <= bytes; at += run_bytes) {
    Vector sum[vectors];
    std::memcpy(sum, terms[count - 1] + at, run_bytes);
    for (std::size_t term = count - 1; term-- > 0;) {
      Vector value[vectors];
      std::memcpy(value, terms[term] + at, run_bytes);
      for (std::size_t i = 0; i < vectors; ++i) sum[i] = value[i] + sum[i];
    }
    std::memcpy(to + at, sum, run_bytes);
  }
  for (; at < bytes; at += sizeof(T)) {
    T sum;
    std::memcpy(&sum, terms[count - 1] + at, sizeof(T));
    for (std::size_t term = count - 1; term-- > 0;) {
      T value;
      std::memcpy(&value, terms[term] + at, sizeof(T));
      sum = value + sum;
    }
    std::memcpy(to + at, &sum, sizeof(T));
  }
}

}  // namespace

// Unsigned, since signed integers may not wrap.
const AddChainTable add_chain_table = {add_chain<float>, add_chain<double>,
                                       add_chain<std::uint64_t>};

}  // namespace troupe::gpu::reference::TROUPE_ISA
