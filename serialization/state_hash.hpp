#pragma once

#include <cstdint>
#include <span>

#include "serialization/named_tensor.hpp"
#include "serialization/sha256.hpp"

namespace troupe::serialization {

/// The identity of a training state (JOB-8): SHA-256 over its tensors (parameters, running statistics,
/// optimizer state) in order of name, then the step. All numbers are little-endian, nothing is padded:
///
///     for each tensor  u32 length of the name, the name's bytes, u8 dtype (the number of gpu::DType),
///                      u8 rank, u64 for each dimension, the elements' bytes
///     at the end       u64 step
///
/// The order in which the tensors are given does not matter; the hash is one on every machine.
/// @throws Error bad_input if two tensors bear one name, or one's bytes do not fit its type and shape.
Sha256Digest state_hash(std::span<const NamedTensorView> tensors, std::uint64_t step);

}  // namespace troupe::serialization
