#pragma once

#include <cstddef>
#include <span>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"

namespace troupe::gpu::cuda {

/// As many as the tree of 2^31 shards asks for at once; a shard's limit is lower (nn::ShardReduction).
inline constexpr std::size_t most_chain_terms = 32;

/// to = t0 + (t1 + (… + tk)), element by element in one pass (JOB-5); `to` may be any of the terms. f32, f64 or i64
/// (which wraps). The same bits as reference::add_chain.
/// @throws Error bad_input for another type or number of terms.
void add_chain(StreamHandle stream, DType type, std::span<const std::byte* const> terms,
               std::byte* to, std::size_t elements);

}  // namespace troupe::gpu::cuda
