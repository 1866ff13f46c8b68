#include "gpu/cuda/kernels/add_chain.hpp"

#include "gpu/cuda/kernels/elements.cuh"

namespace troupe::gpu::cuda {
namespace {

template <class T>
struct Chain {
  const T* term[most_chain_terms];
  int terms;
  T* to;

  template <int count>
  __device__ void at(std::int64_t i) const {
    auto sum = *reinterpret_cast<const Packet<T, count>*>(term[terms - 1] + i);
    for (int k = terms - 2; k >= 0; --k) {
      const auto next = *reinterpret_cast<const Packet<T, count>*>(term[k] + i);
#pragma unroll
      for (int j = 0; j < count; ++j) sum.at[j] = next.at[j] + sum.at[j];
    }
    *reinterpret_cast<Packet<T, count>*>(to + i) = sum;
  }
};

template <class T>
void add_chain_of(StreamHandle stream, std::span<const std::byte* const> terms, std::byte* to,
                  std::size_t elements) {
  Chain<T> chain{{}, static_cast<int>(terms.size()), reinterpret_cast<T*>(to)};
  bool all_aligned = aligned<packet_of<T>>(chain.to);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    chain.term[i] = reinterpret_cast<const T*>(terms[i]);
    all_aligned = all_aligned && aligned<packet_of<T>>(chain.term[i]);
  }
  for_each_element<packet_of<T>>(stream, static_cast<std::int64_t>(elements), all_aligned, chain);
}

}  // namespace

void add_chain(StreamHandle stream, DType type, std::span<const std::byte* const> terms,
               std::byte* to, std::size_t elements) {
  if (terms.empty() || terms.size() > most_chain_terms) {
    throw Error{ErrorCode::bad_input, "cuda: add_chain: expected 1 to " +
                                          std::to_string(most_chain_terms) + " terms, got " +
                                          std::to_string(terms.size())};
  }
  switch (type) {
    case DType::f32:
      return add_chain_of<float>(stream, terms, to, elements);
    case DType::f64:
      return add_chain_of<double>(stream, terms, to, elements);
    case DType::i64:
      return add_chain_of<std::uint64_t>(stream, terms, to, elements);  // signed ones may not wrap
    default:
      throw Error{ErrorCode::bad_input,
                  "cuda: add_chain: expected f32, f64 or i64, got " + std::string{to_string(type)}};
  }
}

}  // namespace troupe::gpu::cuda
