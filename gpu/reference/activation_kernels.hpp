#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::gpu::reference {

/// Element by element; arrays are the same or do not overlap. Activations stand in the order of gpu::Activation.
/// Results are within 1 ulp of the f32 nearest to the true value (relu and none: exact), since they are
/// computed in f64 and rounded once; subnormal ones are 0. NaN gives NaN.
struct ActivationTable {
  static constexpr std::size_t activations = 6;

  /// y = act(x)
  using Forward = void (*)(const float* x, float* y, std::int64_t elements);
  /// dx = dy · act', from what ActivateBackward names `saved`.
  using Backward = void (*)(const float* saved, const float* dy, float* dx, std::int64_t elements);
  /// y = act(((x1 + x2) + x3) + …) of one input or more; y may be any of them.
  using Add = void (*)(const void* const* x, std::size_t inputs, Forward act, float* y,
                       std::int64_t elements);
  /// y = value · scale + offset
  template <class T>
  using Cast = void (*)(const T* x, float scale, float offset, float* y, std::int64_t elements);

  Forward forward[activations];
  Backward backward[activations];
  Add add;
  Cast<std::uint8_t> cast_u8;
  Cast<std::int32_t> cast_i32;
  Cast<std::int64_t> cast_i64;
  Cast<std::uint16_t> cast_bf16;
  Cast<float> cast_f32;
};

namespace baseline {
extern const ActivationTable activation_table;
}
namespace avx2 {
extern const ActivationTable activation_table;
}
namespace avx512 {
extern const ActivationTable activation_table;
}

}  // namespace troupe::gpu::reference
