#include "gpu/operation.hpp"

#include <array>

namespace troupe::gpu {

std::string to_string(Activation activation) {
  constexpr std::array names = {"none", "relu", "gelu", "silu", "sigmoid", "tanh"};
  return names[static_cast<std::size_t>(activation)];
}

std::string name_of(const Operation& operation) {
  // In the order of the variant's alternatives.
  constexpr std::array<const char*, std::variant_size_v<Operation>> names = {
      "dense",
      "dense backward data",
      "dense backward weights",
      "convolution",
      "convolution backward data",
      "convolution backward weights",
      "pool",
      "pool backward",
      "batch norm",
      "batch norm backward",
      "batch norm inference",
      "layer norm",
      "layer norm backward",
      "activate",
      "activate backward",
      "softmax",
      "softmax backward",
      "dropout",
      "add",
      "strided copy",
      "zero",
      "cast",
      "softmax cross-entropy",
      "binary cross-entropy",
      "mean squared error",
      "signal"};
  return names[operation.index()];
}

}  // namespace troupe::gpu
