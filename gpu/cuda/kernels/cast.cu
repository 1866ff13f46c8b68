#include "gpu/cuda/kernels/cast.hpp"

#include "gpu/cuda/kernels/elements.cuh"

namespace troupe::gpu::cuda {
namespace {

template <class From, class To>
struct Cast {
  const From* x;
  To* y;
  float scale, offset;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> values = load<count>(x + i);
#pragma unroll
    for (int k = 0; k < count; ++k) values.at[k] = values.at[k] * scale + offset;
    store(y + i, values);
  }
};

/// Calls visit(T{}).
template <class Visit>
void with_source(DType type, Visit visit) {
  switch (type) {
    case DType::u8:
      return visit(std::uint8_t{});
    case DType::i32:
      return visit(std::int32_t{});
    case DType::i64:
      return visit(std::int64_t{});
    default:
      return with_element(type, visit);
  }
}

}  // namespace

void cast_scale(StreamHandle stream, const CastScale& cast, const void* x, void* y) {
  with_source(cast.from, [&]<class From>(From) {
    with_element(cast.to, [&]<class To>(To) {
      const Cast<From, To> body{static_cast<const From*>(x), static_cast<To*>(y), cast.scale,
                                cast.offset};
      constexpr int packet = packet_of<From, To>;
      for_each_element<packet>(stream, cast.elements, aligned<packet>(body.x, body.y), body);
    });
  });
}

}  // namespace troupe::gpu::cuda
