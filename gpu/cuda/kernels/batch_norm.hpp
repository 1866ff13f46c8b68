#pragma once

#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"
#include "gpu/operation.hpp"

/// Batch norm from running statistics, and what stands around a library's normalisation in training. Values are
/// [count, channels] of `type`, f32 or bf16; all that is [channels] is f32.
namespace troupe::gpu::cuda {

/// Bytes of scratch for batch_norm_inference; it lies at a multiple of 4.
std::size_t batch_norm_inference_scratch_bytes(const BatchNormInference& norm);

/// y = act((x - mean) · (scale / sqrt(variance + epsilon)) + shift), the quotient in f64 and rounded once.
void batch_norm_inference(StreamHandle stream, const BatchNormInference& norm, const void* x,
                          const float* scale, const float* shift, const float* mean,
                          const float* variance, void* y, void* scratch);

/// From a batch's mean and inverse deviation, 1 / sqrt(variance + epsilon): its biased variance, and its moments in f64
/// (JOB-4): count, then count · mean, then count · (variance + mean²).
void batch_norm_moments(StreamHandle stream, std::int64_t count, std::int64_t channels,
                        float epsilon, const float* mean, const float* inverse_deviation,
                        float* variance, double* moments);

/// Back from the variance.
void inverse_deviations(StreamHandle stream, std::int64_t channels, float epsilon,
                        const float* variance, float* inverse_deviation);

/// y = relu(y) in place, and a byte an element: whether a gradient passes.
void relu_with_mask(StreamHandle stream, DType type, std::int64_t elements, void* y,
                    std::uint8_t* passes);

/// to = dy where it passes, else 0. `to` may be dy.
void mask_gradient(StreamHandle stream, DType type, std::int64_t elements, const void* dy,
                   const std::uint8_t* passes, void* to);

}  // namespace troupe::gpu::cuda
