#include "gpu/nn/matrix_peak.hpp"

#include <algorithm>
#include <bit>
#include <random>
#include <utility>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr std::int64_t smallest = 64;
constexpr double long_enough_seconds = 1e-3;
constexpr int times = 4;  // the first of which makes ready

/// The fastest of some.
double product_seconds(Device& device, const Dense& product) {
  const auto size = static_cast<std::size_t>(product.rows);
  const std::size_t bytes = size * size * size_bytes(product.type);
  ProgramSpec spec;
  spec.instructions.push_back({product, {}, "peak"});
  for (std::size_t i = 0; i < operand_count(product); ++i)
    spec.instructions[0].operands.push_back({Space::arena, 0, i * bytes});
  spec.arena_bytes = bytes * operand_count(product);
  const auto stream = device.make_stream();
  const auto program = device.compile(spec);
  fill_with_numbers(device, *stream, program->arena(), spec.arena_bytes);
  const auto stopwatch = device.make_stopwatch();
  program->run(*stream, {}, nullptr);
  for (int i = 0; i < times; ++i) {
    stopwatch->mark(*stream);
    program->run(*stream, {}, nullptr);
  }
  stopwatch->mark(*stream);
  stream->synchronize();
  const std::vector<double> laps = stopwatch->lap();
  return *std::min_element(laps.begin() + 1, laps.end());
}

}  // namespace

void fill_with_numbers(Device& device, Stream& stream, std::byte* to, std::size_t bytes) {
  constexpr std::size_t most = std::size_t{16} << 20U;
  const std::size_t block_bytes = std::min(bytes, most);
  const auto block = device.allocate_staging(block_bytes, "numbers to multiply");
  std::mt19937 random{1};
  auto* const values = reinterpret_cast<std::uint16_t*>(block->data());
  for (std::size_t i = 0; i < block_bytes / sizeof(std::uint16_t); ++i) {
    const float value = static_cast<float>(random() % 256) / 256.0F - 0.5F;
    values[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U);
  }
  for (std::size_t at = 0; at < bytes; at += block_bytes)
    stream.copy(to + at, block->data(), std::min(block_bytes, bytes - at));
  stream.synchronize();
}

double matrix_peak(Device& device, DType type, std::int64_t largest) {
  double peak = 0.0, seconds = 0.0;
  for (std::int64_t size = smallest; size <= largest && seconds < long_enough_seconds; size *= 2) {
    const Dense product{size, size, size, false, Activation::none, type};
    seconds = product_seconds(device, product);
    if (seconds > 0.0) peak = std::max(peak, flops(product) / seconds);
  }
  return peak;
}

}  // namespace troupe::gpu::nn
