#pragma once

#include <cstddef>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// Batch norm (S. Ioffe, C. Szegedy, 2015). Each channel is summed in f64, value after value: first for the
/// mean, then for the squared distances from that f64 mean (JOB-4); the moments are taken from these f64
/// values. With deviation = sqrt(variance + epsilon):
///
///     y  = act((x - mean) · (scale / deviation) + shift)
///     dx = scale / deviation · (dy - Σdy / count - (x - mean) · Σ(dy · (x - mean)) / (deviation² · count))
std::unique_ptr<Kernel> make_kernel(const BatchNorm& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const BatchNormBackward& operation, Isa isa);
std::unique_ptr<Kernel> make_kernel(const BatchNormInference& operation, Isa isa);
std::size_t workspace_bytes(const BatchNorm& operation);
std::size_t workspace_bytes(const BatchNormBackward& operation);

}  // namespace troupe::gpu::reference
