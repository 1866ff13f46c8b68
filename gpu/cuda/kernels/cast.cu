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

constexpr int range_packet = packet_of<float, Bf16>;

__global__ void __launch_bounds__(block_threads)
    cast_each(const CastRange* ranges, std::int64_t count, const float* from, Bf16* to,
              bool bases_aligned) {
  for (std::int64_t index = blockIdx.x; index < count; index += gridDim.x) {
    const CastRange range = ranges[index];
    const float* const source = from + range.from;
    Bf16* const target = to + range.to;
    std::int64_t packed = 0;
    if (bases_aligned && range.from % range_packet == 0 && range.to % range_packet == 0) {
      packed = range.elements / range_packet * range_packet;
    }
    for (std::int64_t i = threadIdx.x * range_packet; i < packed;
         i += block_threads * range_packet) {
      store(target + i, load<range_packet>(source + i));
    }
    for (std::int64_t i = packed + threadIdx.x; i < range.elements; i += block_threads) {
      set(target[i], source[i]);
    }
  }
}

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

void cast_to_bf16(StreamHandle stream, const CastRange* ranges, std::size_t count,
                  const float* from, void* to) {
  if (count == 0) return;
  const auto ranges_count = static_cast<std::int64_t>(count);
  Bf16* const target = static_cast<Bf16*>(to);
  launch(cast_each, {static_cast<unsigned>(std::min(ranges_count, most_blocks))}, {block_threads},
         stream, ranges, ranges_count, from, target, aligned<range_packet>(from, target));
}

}  // namespace troupe::gpu::cuda
