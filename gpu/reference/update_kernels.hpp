#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/formulas/update.hpp"

namespace troupe::gpu::reference {

/// A run of one parameter's elements that lies in one bucket. Pointers are aligned to 64 bytes; `from` and
/// `to` stand at the parameter, the optimizer's states follow at `state_stride` elements each.
struct UpdatePiece {
  const float* gradient;
  const float* from;
  float* to;
  std::size_t state_stride;
  std::size_t elements;
};

using formulas::UpdateScalars;

/// Element by element with one order of operations, so the bits depend neither on the ISA nor on how a
/// parameter is cut. Where `elements` is no multiple of 16 the padding up to one is read, found 0 and written 0.
///
/// An update returns 0 if all of the gradient is finite, and other bits if not.
struct UpdateTable {
  using Update = std::uint32_t (*)(const UpdatePiece& piece, const UpdateScalars& scalars);
  Update sgd, momentum, nesterov, adagrad, adam;
  /// lanes[i mod 16] += (gradient[i] · factor)², squares and sums in f64, the product in f32.
  void (*add_squares)(const float* gradient, std::size_t elements, float factor, double* lanes);
};

namespace baseline {
extern const UpdateTable update_table;
}
namespace avx2 {
extern const UpdateTable update_table;
}
namespace avx512 {
extern const UpdateTable update_table;
}

}  // namespace troupe::gpu::reference
