#include "gpu/nn/matrix_peak.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include "gpu/cpu_device.hpp"

using namespace troupe::gpu;

TEST_CASE("matrix_peak: is a rate, also where only small products may be tried") {
  const auto device = make_cpu_device({.backend = CpuBackend::reference});
  for (const std::int64_t largest : {64, 256}) {
    const double peak = nn::matrix_peak(*device, DType::f32, largest);
    CHECK(std::isfinite(peak));
    CHECK(peak > 0.0);
  }
}

TEST_CASE(
    "fill_with_numbers: pairs of bf16 are finite in f32 and not all alike, odd ends included") {
  const auto device = make_cpu_device();
  const auto stream = device->make_stream();
  std::vector<float> values(1001, -7.0F);
  nn::fill_with_numbers(*device, *stream, reinterpret_cast<std::byte*>(values.data()), 4000);
  for (std::size_t i = 0; i < 1000; ++i) CHECK(std::abs(values[i]) <= 0.51F);
  CHECK(values[0] != values[1]);
  CHECK(values[1000] == -7.0F);
}
