#include "gpu/reference/update_kernels.hpp"

#include "gpu/formulas/update.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

constexpr std::size_t lanes_count = 16;

/// `loop(gradient, from, to, elements)` over whole vectors, then over the last one with zeros for the
/// gradient's padding, of which nothing is known.
template <class Loop>
TROUPE_INLINE std::uint32_t over(const UpdatePiece& piece, Loop loop) {
  const std::size_t whole = piece.elements / lanes_count * lanes_count;
  std::uint32_t bits = loop(piece.gradient, piece.from, piece.to, whole);
  if (whole < piece.elements) {
    alignas(64) float last[lanes_count] = {};
    for (std::size_t i = whole; i < piece.elements; ++i) last[i - whole] = piece.gradient[i];
    bits |= loop(last, piece.from + whole, piece.to + whole, lanes_count);
  }
  return bits;
}

// One loop a count of states, since compilers believe in pointers that do not overlap only one by one.

template <class Rule>
std::uint32_t without_state(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  return over(piece, [s](const float* __restrict gradient, const float* __restrict from,
                         float* __restrict to, std::size_t elements) {
    std::uint32_t bits = 0;
    float no_state = 0.0F;
    for (std::size_t i = 0; i < elements; ++i) {
      bits |= formulas::not_finite_bits(gradient[i]);
      to[i] = Rule::next(s, gradient[i], from[i], no_state, no_state);
    }
    return bits;
  });
}

template <class Rule>
std::uint32_t with_one_state(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  const std::size_t stride = piece.state_stride;
  return over(piece, [s, stride](const float* __restrict gradient, const float* __restrict from,
                                 float* __restrict to, std::size_t elements) {
    const float* __restrict from_first = from + stride;
    float* __restrict to_first = to + stride;
    std::uint32_t bits = 0;
    float no_state = 0.0F;
    for (std::size_t i = 0; i < elements; ++i) {
      float first = from_first[i];
      bits |= formulas::not_finite_bits(gradient[i]);
      to[i] = Rule::next(s, gradient[i], from[i], first, no_state);
      to_first[i] = first;
    }
    return bits;
  });
}

template <class Rule>
std::uint32_t with_two_states(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  const std::size_t stride = piece.state_stride;
  return over(piece, [s, stride](const float* __restrict gradient, const float* __restrict from,
                                 float* __restrict to, std::size_t elements) {
    const float* __restrict from_first = from + stride;
    const float* __restrict from_second = from + 2 * stride;
    float* __restrict to_first = to + stride;
    float* __restrict to_second = to + 2 * stride;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      float first = from_first[i], second = from_second[i];
      bits |= formulas::not_finite_bits(gradient[i]);
      to[i] = Rule::next(s, gradient[i], from[i], first, second);
      to_first[i] = first;
      to_second[i] = second;
    }
    return bits;
  });
}

void add_squares(const float* gradient, std::size_t elements, float factor, double* lanes) {
  double sums[lanes_count];
  for (std::size_t lane = 0; lane < lanes_count; ++lane) sums[lane] = lanes[lane];
  const std::size_t whole = elements / lanes_count * lanes_count;
  for (std::size_t i = 0; i < whole; i += lanes_count) {
    for (std::size_t lane = 0; lane < lanes_count; ++lane) {
      sums[lane] += formulas::mean_square(gradient[i + lane], factor);
    }
  }
  for (std::size_t i = whole; i < elements; ++i) {
    sums[i - whole] += formulas::mean_square(gradient[i], factor);
  }
  for (std::size_t lane = 0; lane < lanes_count; ++lane) lanes[lane] = sums[lane];
}

}  // namespace

const UpdateTable update_table{without_state<formulas::Sgd>,
                               with_one_state<formulas::SgdWithMomentum<false>>,
                               with_one_state<formulas::SgdWithMomentum<true>>,
                               with_one_state<formulas::Adagrad>,
                               with_two_states<formulas::Adam>,
                               add_squares};

}  // namespace troupe::gpu::reference::TROUPE_ISA
