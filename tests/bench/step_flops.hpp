#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>

#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"

namespace troupe::bench {

/// FLOPs that a plan's instructions need, by layer: of a training plan those of a step, forward and backward, without
/// the input gradient of the first layer, which no plan computes.
inline std::map<std::string, double> needed_flops(std::span<const gpu::Instruction> instructions) {
  std::map<std::string, double> needed;
  for (const gpu::Instruction& instruction : instructions) {
    const double work = gpu::nn::flops(instruction.operation);
    if (work != 0.0) needed[instruction.layer] += work;
  }
  return needed;
}

/// Bytes in f32, rounded up to pages, that no operand of a dense layer or convolution is larger than, either way.
inline std::size_t largest_operand(const gpu::Instruction& instruction) {
  using namespace gpu;
  const auto product = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::size_t>(a * b) * sizeof(float);
  };
  const auto round = [](std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; };
  const auto dense = [&](const auto& d) {
    return round(std::max({product(d.rows, d.in), product(d.rows, d.out), product(d.in, d.out)}));
  };
  const auto convolution = [&](const ConvolutionGeometry& g) {
    return round(
        std::max({product(g.rows * g.in_height * g.in_width, g.in_channels),
                  product(g.rows * g.out_height * g.out_width, g.out_channels),
                  product(g.kernel_height * g.kernel_width * g.in_channels, g.out_channels)}));
  };
  const Operation& operation = instruction.operation;
  if (const auto* op = std::get_if<Dense>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<DenseBackwardData>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<DenseBackwardWeights>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<Convolution>(&operation)) return convolution(op->geometry);
  if (const auto* op = std::get_if<ConvolutionBackwardData>(&operation))
    return convolution(op->geometry);
  return convolution(std::get<ConvolutionBackwardWeights>(operation).geometry);
}

}  // namespace troupe::bench
