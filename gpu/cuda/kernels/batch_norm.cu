#include "gpu/cuda/kernels/batch_norm.hpp"

#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/formulas/activations.hpp"

namespace troupe::gpu::cuda {
namespace {

__device__ __forceinline__ double deviation(float variance, float epsilon) {
  return __builtin_sqrt(static_cast<double>(variance) + static_cast<double>(epsilon));
}

__global__ void __launch_bounds__(block_threads)
    inference_factors(const float* scale, const float* variance, float epsilon,
                      std::int64_t channels, float* factor) {
  for (std::int64_t c = grid_thread(); c < channels; c += grid_threads()) {
    factor[c] = static_cast<float>(static_cast<double>(scale[c]) / deviation(variance[c], epsilon));
  }
}

/// Packets lie within a row where the channels are a multiple of them, else elements come one by one.
template <class T, bool with_relu>
struct Normalise {
  const T* x;
  const float* mean;
  const float* factor;
  const float* shift;
  std::int64_t channels;
  T* y;

  template <int count>
  __device__ void at(std::int64_t i) const {
    const std::int64_t c = i % channels;
    Values<count> values = load<count>(x + i);
    const Values<count> means = load<count>(mean + c), factors = load<count>(factor + c),
                        shifts = load<count>(shift + c);
#pragma unroll
    for (int k = 0; k < count; ++k) {
      const float value = (values.at[k] - means.at[k]) * factors.at[k] + shifts.at[k];
      values.at[k] = with_relu ? formulas::Relu::forward(value) : value;
    }
    store(y + i, values);
  }
};

__global__ void __launch_bounds__(block_threads)
    moments_of(std::int64_t count, std::int64_t channels, float epsilon, const float* mean,
               const float* inverse_deviation, float* variance, double* moments) {
  const auto n = static_cast<double>(count);
  if (grid_thread() == 0) moments[0] = n;
  for (std::int64_t c = grid_thread(); c < channels; c += grid_threads()) {
    const double inverse = inverse_deviation[c], middle = mean[c];
    const double rest = 1.0 / (inverse * inverse) - static_cast<double>(epsilon);
    const double biased = rest < 0.0 ? 0.0 : rest;
    variance[c] = static_cast<float>(biased);
    moments[1 + c] = n * middle;
    moments[1 + channels + c] = n * (biased + middle * middle);
  }
}

__global__ void __launch_bounds__(block_threads)
    invert_deviations(const float* variance, float epsilon, std::int64_t channels,
                      float* inverse_deviation) {
  for (std::int64_t c = grid_thread(); c < channels; c += grid_threads()) {
    inverse_deviation[c] = static_cast<float>(1.0 / deviation(variance[c], epsilon));
  }
}

template <class T>
struct ReluWithMask {
  T* y;
  std::uint8_t* passes;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> values = load<count>(y + i);
    Packet<std::uint8_t, count> mask;
#pragma unroll
    for (int k = 0; k < count; ++k) {
      mask.at[k] = values.at[k] <= 0.0F ? 0 : 1;
      values.at[k] = formulas::Relu::forward(values.at[k]);
    }
    store(y + i, values);
    *reinterpret_cast<Packet<std::uint8_t, count>*>(passes + i) = mask;
  }
};

template <class T>
struct MaskGradient {
  const T* dy;
  const std::uint8_t* passes;
  T* to;

  template <int count>
  __device__ void at(std::int64_t i) const {
    Values<count> values = load<count>(dy + i);
    const auto mask = *reinterpret_cast<const Packet<std::uint8_t, count>*>(passes + i);
#pragma unroll
    for (int k = 0; k < count; ++k) values.at[k] = mask.at[k] != 0 ? values.at[k] : 0.0F;
    store(to + i, values);
  }
};

}  // namespace

std::size_t batch_norm_inference_scratch_bytes(const BatchNormInference& norm) {
  return static_cast<std::size_t>(norm.channels) * sizeof(float);
}

void batch_norm_inference(StreamHandle stream, const BatchNormInference& norm, const void* x,
                          const float* scale, const float* shift, const float* mean,
                          const float* variance, void* y, void* scratch) {
  auto* const factor = static_cast<float*>(scratch);
  launch(inference_factors, blocks_for(norm.channels), {block_threads}, stream, scale, variance,
         norm.epsilon, norm.channels, factor);
  with_element(norm.type, [&]<class T>(T) {
    const auto normalise = [&](const auto& body) {
      constexpr int packet = packet_of<T>;
      const bool in_packets =
          norm.channels % packet == 0 && aligned<packet>(body.x, body.y, mean, factor, shift);
      for_each_element<packet>(stream, norm.count * norm.channels, in_packets, body);
    };
    const auto* const from = static_cast<const T*>(x);
    auto* const to = static_cast<T*>(y);
    if (norm.activation == Activation::relu) {
      normalise(Normalise<T, true>{from, mean, factor, shift, norm.channels, to});
    } else {
      normalise(Normalise<T, false>{from, mean, factor, shift, norm.channels, to});
    }
  });
}

void batch_norm_moments(StreamHandle stream, std::int64_t count, std::int64_t channels,
                        float epsilon, const float* mean, const float* inverse_deviation,
                        float* variance, double* moments) {
  launch(moments_of, blocks_for(channels), {block_threads}, stream, count, channels, epsilon, mean,
         inverse_deviation, variance, moments);
}

void inverse_deviations(StreamHandle stream, std::int64_t channels, float epsilon,
                        const float* variance, float* inverse_deviation) {
  launch(invert_deviations, blocks_for(channels), {block_threads}, stream, variance, epsilon,
         channels, inverse_deviation);
}

void relu_with_mask(StreamHandle stream, DType type, std::int64_t elements, void* y,
                    std::uint8_t* passes) {
  with_element(type, [&]<class T>(T) {
    const ReluWithMask<T> body{static_cast<T*>(y), passes};
    for_each_element<packet_of<T>>(stream, elements, aligned<packet_of<T>>(body.y, passes), body);
  });
}

void mask_gradient(StreamHandle stream, DType type, std::int64_t elements, const void* dy,
                   const std::uint8_t* passes, void* to) {
  with_element(type, [&]<class T>(T) {
    const MaskGradient<T> body{static_cast<const T*>(dy), passes, static_cast<T*>(to)};
    for_each_element<packet_of<T>>(stream, elements,
                                   aligned<packet_of<T>>(body.dy, body.to, passes), body);
  });
}

}  // namespace troupe::gpu::cuda
