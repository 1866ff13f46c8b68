#include "gpu/reference/update_kernels.hpp"

#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

constexpr std::size_t lanes_count = 16;

/// 0 for a finite value, else the bits of a NaN: x - x is either +0 or NaN.
TROUPE_INLINE std::uint32_t not_finite_bits(float x) {
  return __builtin_bit_cast(std::uint32_t, x - x);
}

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

std::uint32_t sgd(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  return over(piece, [s](const float* __restrict gradient, const float* __restrict from,
                         float* __restrict to, std::size_t elements) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const float p = from[i];
      const float g = gradient[i] * s.factor + s.decay * p;
      bits |= not_finite_bits(gradient[i]);
      to[i] = p - s.rate * g;
    }
    return bits;
  });
}

template <bool look_ahead>
TROUPE_INLINE std::uint32_t sgd_with_momentum(const UpdatePiece& piece,
                                              const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  const std::size_t stride = piece.state_stride;
  return over(piece, [s, stride](const float* __restrict gradient, const float* __restrict from,
                                 float* __restrict to, std::size_t elements) {
    const float* __restrict from_v = from + stride;
    float* __restrict to_v = to + stride;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const float p = from[i];
      const float g = gradient[i] * s.factor + s.decay * p;
      const float v = s.momentum * from_v[i] + g;
      bits |= not_finite_bits(gradient[i]);
      to_v[i] = v;
      to[i] = p - s.rate * (look_ahead ? g + s.momentum * v : v);
    }
    return bits;
  });
}

std::uint32_t momentum(const UpdatePiece& piece, const UpdateScalars& scalars) {
  return sgd_with_momentum<false>(piece, scalars);
}

std::uint32_t nesterov(const UpdatePiece& piece, const UpdateScalars& scalars) {
  return sgd_with_momentum<true>(piece, scalars);
}

std::uint32_t adagrad(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  const std::size_t stride = piece.state_stride;
  return over(piece, [s, stride](const float* __restrict gradient, const float* __restrict from,
                                 float* __restrict to, std::size_t elements) {
    const float* __restrict from_a = from + stride;
    float* __restrict to_a = to + stride;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const float p = from[i];
      const float g = gradient[i] * s.factor + s.decay * p;
      const float a = from_a[i] + g * g;
      bits |= not_finite_bits(gradient[i]);
      to_a[i] = a;
      to[i] = p - s.rate * g / (__builtin_sqrtf(a) + s.epsilon);
    }
    return bits;
  });
}

/// With m̂ = m / c1 and v̂ = v / c2, the step lr · m̂ / (sqrt(v̂) + epsilon) is
/// rate · m / (sqrt(v) + epsilon · sqrt(c2)) for rate = lr · sqrt(c2) / c1: one root and one division an element.
/// m - (1 - beta) · m stands for beta · m, because an f32 near 1 misses 1 - beta by up to 3e-8 / (1 - beta) of it,
/// which would bias v for good.
std::uint32_t adam(const UpdatePiece& piece, const UpdateScalars& scalars) {
  const UpdateScalars s = scalars;
  const std::size_t stride = piece.state_stride;
  return over(piece, [s, stride](const float* __restrict gradient, const float* __restrict from,
                                 float* __restrict to, std::size_t elements) {
    const float* __restrict from_m = from + stride;
    const float* __restrict from_v = from + 2 * stride;
    float* __restrict to_m = to + stride;
    float* __restrict to_v = to + 2 * stride;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const float p = from[i];
      const float g = gradient[i] * s.factor + s.decay * p;
      const float m = from_m[i] - s.rest1 * from_m[i] + s.rest1 * g;
      const float v = from_v[i] - s.rest2 * from_v[i] + s.rest2 * g * g;
      bits |= not_finite_bits(gradient[i]);
      to_m[i] = m;
      to_v[i] = v;
      to[i] = p - (s.shrink * p + s.rate * m / (__builtin_sqrtf(v) + s.epsilon));
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
      const double element = gradient[i + lane] * factor;
      sums[lane] += element * element;
    }
  }
  for (std::size_t i = whole; i < elements; ++i) {
    const double element = gradient[i] * factor;
    sums[i - whole] += element * element;
  }
  for (std::size_t lane = 0; lane < lanes_count; ++lane) lanes[lane] = sums[lane];
}

}  // namespace

const UpdateTable update_table{sgd, momentum, nesterov, adagrad, adam, add_squares};

}  // namespace troupe::gpu::reference::TROUPE_ISA
