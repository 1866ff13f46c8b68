#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace troupe::gpu::nn {

/// How a parameter starts. Draws are keyed by (seed, purpose initialise, layer, which parameter of the layer,
/// element) as JOB-3 says, so a parameter's start depends on nothing but these.
struct Initialiser {
  enum class Kind : std::uint8_t {
    constant,        ///< a
    normal,          ///< mean a, deviation b
    uniform,         ///< [a, b)
    xavier_uniform,  ///< ± sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010, eq. 16)
    xavier_normal,   ///< deviation sqrt(2 / (fan_in + fan_out))
    he_uniform,      ///< ± sqrt(6 / fan_in)
    he_normal,       ///< deviation sqrt(2 / fan_in) (He et al., ICCV 2015, eq. 10)
  };
  Kind kind = Kind::constant;
  double a = 0.0, b = 0.0;
  std::int64_t fan_in = 1, fan_out = 1;  ///< set by the layer that owns the parameter
};

/// @param parameter which one of the layer's, in order of its signature.
void fill(const Initialiser& initialiser, std::uint64_t seed, std::uint32_t layer,
          std::uint32_t parameter, std::span<float> values);

}  // namespace troupe::gpu::nn
