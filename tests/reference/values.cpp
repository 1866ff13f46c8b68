#include "tests/reference/values.hpp"

#include <random>
#include <utility>

#include "gpu/tensor.hpp"

namespace troupe::test::reference {

Values random_values(std::size_t count, std::uint64_t seed, double low, double high) {
  std::mt19937_64 engine{seed};
  Values values(count);
  for (double& value : values) {
    const double uniform = static_cast<double>(engine() >> 40) * 0x1p-24;
    value = static_cast<double>(static_cast<float>(low + (high - low) * uniform));
  }
  return values;
}

Values rounded(Values values, gpu::DType type) {
  for (double& value : values) {
    const auto nearest = static_cast<float>(value);
    value = static_cast<double>(type == gpu::DType::bf16 ? gpu::from_bf16(gpu::to_bf16(nearest))
                                                         : nearest);
  }
  return values;
}

std::vector<float> to_floats(const Values& values) {
  std::vector<float> floats(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) floats[i] = static_cast<float>(values[i]);
  return floats;
}

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace troupe::test::reference
