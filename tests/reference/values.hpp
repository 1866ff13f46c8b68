#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/dtype.hpp"

/// What every operation of gpu/operation.hpp means, in double precision and in the plainest loops there are: the judge
/// of all kernels, which shares no code with any of them. Arrays are row-major, as there.
namespace troupe::test::reference {

using Values = std::vector<double>;

/// Uniform in [low, high), each exactly an f32, so that a kernel and its judge see the same numbers.
Values random_values(std::size_t count, std::uint64_t seed, double low = -1.0, double high = 1.0);

/// Each the nearest value of f32 or bf16.
Values rounded(Values values, gpu::DType type);

/// @throws std::bad_alloc alone: values beyond f32 become infinite.
std::vector<float> to_floats(const Values& values);

double dot(const Values& a, const Values& b);

}  // namespace troupe::test::reference
