#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe::gpu::nn {

/// A buffer that is needed from instruction `first` to `last`, both included.
struct Lifetime {
  std::int64_t first = 0, last = 0;
  std::size_t bytes = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< by lifetime; multiples of 64 bytes
  std::size_t arena_bytes = 0;
};

/// Places buffers so that no two that live at once overlap: the largest first, each into the lowest gap that
/// holds it. (Greedy by size: Pisarchyk and Lee, MLSys workshop 2020, section 3.2.)
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

}  // namespace troupe::gpu::nn
