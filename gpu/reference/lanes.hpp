#pragma once

#include <cstdint>

#include "gpu/reference/isa.hpp"

/// Sixteen lanes in as many registers as the instruction set needs. Vectors of the compiler's extension that
/// are wider than a register would be kept in memory, hence arrays of native ones; lanes never mix, so the
/// bits do not tell.
namespace troupe::gpu::reference::TROUPE_ISA {

constexpr int lanes = 16;

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

/// Lanes of type T: `+`, `-` and `*` act on each of them.
template <class T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(vector_bytes)));
  static constexpr int width = vector_bytes / static_cast<int>(sizeof(T));
  static constexpr int parts = lanes / width;

  Vector part[parts];

  TROUPE_INLINE static Lanes all(T value) {
    Lanes result;
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) result.part[p] = value - Vector{};
    return result;
  }
  TROUPE_INLINE static Lanes load(const T* from) {
    Lanes result;
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) {
      __builtin_memcpy(&result.part[p], from + p * width, vector_bytes);
    }
    return result;
  }
  TROUPE_INLINE void store(T* to) const {
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) __builtin_memcpy(to + p * width, &part[p], vector_bytes);
  }
  TROUPE_INLINE friend Lanes operator+(Lanes a, const Lanes& b) {
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) a.part[p] = a.part[p] + b.part[p];
    return a;
  }
  TROUPE_INLINE friend Lanes operator-(Lanes a, const Lanes& b) {
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) a.part[p] = a.part[p] - b.part[p];
    return a;
  }
  TROUPE_INLINE friend Lanes operator*(Lanes a, const Lanes& b) {
#pragma GCC unroll 8
    for (int p = 0; p < parts; ++p) a.part[p] = a.part[p] * b.part[p];
    return a;
  }
};

/// The first `count` (at most 16) floats, and 0 in the other lanes.
TROUPE_INLINE Lanes<float> load_some(const float* from, std::int64_t count) {
  if (count >= lanes) return Lanes<float>::load(from);
  float padded[lanes] = {};
  for (std::int64_t lane = 0; lane < count; ++lane) padded[lane] = from[lane];
  return Lanes<float>::load(padded);
}

template <class T>
TROUPE_INLINE void store_some(const Lanes<T>& values, T* to, std::int64_t count) {
  if (count >= lanes) return values.store(to);
  T padded[lanes];
  values.store(padded);
  for (std::int64_t lane = 0; lane < count; ++lane) to[lane] = padded[lane];
}

/// Exact.
TROUPE_INLINE Lanes<double> widen(const Lanes<float>& values) {
  typedef float Half __attribute__((vector_size(vector_bytes / 2)));
  Lanes<double> result;
#pragma GCC unroll 8
  for (int p = 0; p < Lanes<double>::parts; ++p) {
    Half half;
    __builtin_memcpy(
        &half, reinterpret_cast<const char*>(&values.part[p / 2]) + (p % 2) * (vector_bytes / 2),
        vector_bytes / 2);
    result.part[p] = __builtin_convertvector(half, typename Lanes<double>::Vector);
  }
  return result;
}

/// As Activate has it: NaN stays, and -0.0 becomes 0.
TROUPE_INLINE float relu(float value) {
  return value <= 0.0F ? 0.0F : value;
}

/// The sum of all lanes: lane l with l + 8, then l + 4, l + 2, l + 1.
TROUPE_INLINE double total(const Lanes<double>& values) {
  double lane[lanes];
  values.store(lane);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  return lane[0];
}

}  // namespace troupe::gpu::reference::TROUPE_ISA
