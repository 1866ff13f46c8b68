#include "gpu/nn/initialiser.hpp"

#include <cmath>

#include "runtime/base/math.hpp"
#include "runtime/base/random.hpp"

namespace troupe::gpu::nn {

void fill(const Initialiser& initialiser, std::uint64_t seed, std::uint32_t layer,
          std::uint32_t parameter, std::span<float> values) {
  using Kind = Initialiser::Kind;
  const auto fan_in = static_cast<double>(initialiser.fan_in);
  const auto fan_out = static_cast<double>(initialiser.fan_out);
  double mean = 0.0, deviation = 0.0, low = 0.0, high = 0.0;
  switch (initialiser.kind) {
    case Kind::constant:
      for (float& value : values) value = static_cast<float>(initialiser.a);
      return;
    case Kind::normal:
      mean = initialiser.a, deviation = initialiser.b;
      break;
    case Kind::xavier_normal:
      deviation = std::sqrt(2.0 / (fan_in + fan_out));
      break;
    case Kind::he_normal:
      deviation = std::sqrt(2.0 / fan_in);
      break;
    case Kind::uniform:
      low = initialiser.a, high = initialiser.b;
      break;
    case Kind::xavier_uniform:
      high = std::sqrt(6.0 / (fan_in + fan_out)), low = -high;
      break;
    case Kind::he_uniform:
      high = std::sqrt(6.0 / fan_in), low = -high;
      break;
  }
  // JOB-3: an initial value has no position in the data; which of the layer's parameters stands there.
  const Draws draws{seed, parameter, Purpose::initialise, layer};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = deviation > 0.0 || low == high
                             ? mean + deviation * draws.normal(i)
                             : low + (high - low) * static_cast<double>(draws.uniform(i));
    values[i] = static_cast<float>(value);
  }
}

}  // namespace troupe::gpu::nn
