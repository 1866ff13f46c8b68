#include "gpu/nn/memory_plan.hpp"

#include <algorithm>
#include <numeric>

#include "gpu/tensor.hpp"

namespace troupe::gpu::nn {

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  MemoryPlan plan{std::vector<std::size_t>(lifetimes.size(), 0), 0};
  std::vector<std::size_t> by_size(lifetimes.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::ranges::stable_sort(by_size, [&](std::size_t a, std::size_t b) {
    return lifetimes[a].bytes > lifetimes[b].bytes;
  });

  std::vector<std::size_t> placed;  // in order of their offsets
  for (const std::size_t buffer : by_size) {
    const Lifetime& wanted = lifetimes[buffer];
    const std::size_t bytes =
        (wanted.bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      const Lifetime& there = lifetimes[other];
      if (there.last < wanted.first || wanted.last < there.first) continue;
      if (offset + bytes <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + (there.bytes + alignment_bytes - 1) /
                                                          alignment_bytes * alignment_bytes);
    }
    plan.offsets[buffer] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    placed.insert(std::ranges::upper_bound(placed, offset, {},
                                           [&](std::size_t p) { return plan.offsets[p]; }),
                  buffer);
  }
  return plan;
}

}  // namespace troupe::gpu::nn
